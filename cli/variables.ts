/** An environment variable of the command line. */
export interface CliVariable {
  readonly name: string;
  /** Empty where there is none. */
  readonly default: string;
  readonly meaning: string;
  /** May hold a password. */
  readonly url?: boolean;
  /** Is also read in lower case, which wins. */
  readonly lowerCase?: boolean;
}

/** The environment variables of the command line; those of the server have a table of their own. */
export const variables = {
  apiBase: { name: "DMS_API_BASE", default: "http://localhost:8000/api/v1", meaning: "address of the API", url: true },
  service: { name: "DMS_SERVICE", default: "", meaning: "stands in for `--service`" },
  user: { name: "DMS_USER", default: "", meaning: "stands in for `--user`" },
  operatorToken: {
    name: "DMS_OPERATOR_TOKEN",
    default: "",
    meaning: "token of the `admin` commands; of several separated by commas the first",
  },
  caBundle: { name: "DMS_CLI_CA_BUNDLE", default: "", meaning: "file of certificates (PEM) to trust for https" },
  httpProxy: {
    name: "HTTP_PROXY",
    default: "",
    meaning: "proxy for http, also in lower case; needs Node 24.5, or 22.21",
    url: true,
    lowerCase: true,
  },
  httpsProxy: { name: "HTTPS_PROXY", default: "", meaning: "proxy for https, likewise", url: true, lowerCase: true },
  noProxy: {
    name: "NO_PROXY",
    default: "",
    meaning: "hosts that are asked without a proxy, separated by commas",
    lowerCase: true,
  },
  noColor: { name: "NO_COLOR", default: "", meaning: "any value: no colours" },
} as const satisfies Record<string, CliVariable>;

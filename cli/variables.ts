/** An environment variable of the command line. */
export interface CliVariable {
  readonly name: string;
  /** Empty where there is none. */
  readonly default: string;
  readonly meaning: string;
  /** May contain a password. */
  readonly url?: boolean;
  /** Is also read in lower case, which takes precedence. */
  readonly lowerCase?: boolean;
}

/** The environment variables of the command line; the server has its own table. */
export const variables = {
  apiBase: { name: "DMS_API_BASE", default: "http://localhost:8000/api/v1", meaning: "base URL of the API", url: true },
  service: { name: "DMS_SERVICE", default: "", meaning: "default of `--service`" },
  user: { name: "DMS_USER", default: "", meaning: "default of `--user`" },
  operatorToken: {
    name: "DMS_OPERATOR_TOKEN",
    default: "",
    meaning: "operator token of the `admin` commands; the first one of several separated by commas",
  },
  caBundle: {
    name: "DMS_CLI_CA_BUNDLE",
    default: "",
    meaning: "file of additional trusted certificates (PEM) for https",
  },
  httpProxy: {
    name: "HTTP_PROXY",
    default: "",
    meaning: "proxy for http, also in lower case; needs Node 24.5 or 22.21",
    url: true,
    lowerCase: true,
  },
  httpsProxy: {
    name: "HTTPS_PROXY",
    default: "",
    meaning: "proxy for https, also in lower case; needs Node 24.5 or 22.21",
    url: true,
    lowerCase: true,
  },
  noProxy: {
    name: "NO_PROXY",
    default: "",
    meaning: "hosts that need no proxy, separated by commas; also in lower case",
    lowerCase: true,
  },
  noColor: { name: "NO_COLOR", default: "", meaning: "any value disables colours" },
} as const satisfies Record<string, CliVariable>;

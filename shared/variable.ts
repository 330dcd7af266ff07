import * as z from "zod";
import { maskUrl } from "./mask.ts";
import { isRedisUrl, redisUrlForm } from "./redis-url.ts";

/** One environment variable. */
export interface Variable<Value> {
  readonly name: string;
  /** As written in the environment. */
  readonly default: string;
  readonly meaning: string;
  readonly schema: z.ZodType<Value, string>;
  /** The value as it may be displayed; secrets are masked. */
  readonly show: (value: string) => string;
}

const plain = (value: string) => value;

/** Non-empty text. */
export function text(name: string, fallback: string, meaning: string): Variable<string> {
  return { name, default: fallback, meaning, show: plain, schema: z.string().trim().min(1, "must not be empty") };
}

/** Text that may be empty. */
export function optionalText(name: string, meaning: string): Variable<string> {
  return { name, default: "", meaning, show: plain, schema: z.string().trim() };
}

/** A secret, or several separated by commas; never displayed. */
export function list(name: string, fallback: string, meaning: string): Variable<readonly string[]> {
  const schema = z
    .string()
    .transform((value) => value.split(",").map((part) => part.trim()))
    .refine((parts) => parts.every((part) => part !== ""), "must be one or more non-empty tokens separated by commas");
  return { name, default: fallback, meaning, show: () => "***", schema };
}

/** Minimum length of a token that processes share, in characters. */
const minTokenLength = 16;

/** Secrets separated by commas, or empty; never displayed. */
export function optionalTokens(name: string, meaning: string): Variable<readonly string[]> {
  const schema = z
    .string()
    .transform((value) => (value.trim() === "" ? [] : value.split(",").map((part) => part.trim())))
    .refine(
      (parts) => parts.every((part) => part.length >= minTokenLength && /^[!-~]+$/.test(part)),
      `must be tokens of at least ${minTokenLength} characters of ASCII, separated by commas`,
    );
  return { name, default: "", meaning, show: (value) => (value === "" ? "" : "***"), schema };
}

interface Range {
  readonly minimum: number;
  readonly maximum?: number;
  readonly integer?: boolean;
}

/** A decimal number within a range. */
export function number(name: string, fallback: number, range: Range, meaning: string): Variable<number> {
  const { minimum, maximum = Number.MAX_SAFE_INTEGER, integer = false } = range;
  const upTo = range.maximum === undefined ? `at least ${minimum}` : `from ${minimum} to ${maximum}`;
  const expected = `must be a ${integer ? "whole number" : "number"} ${upTo}`;
  const schema = z
    .string()
    .trim()
    .regex(integer ? /^\d+$/ : /^\d+(\.\d+)?$/, expected)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, expected);
  return { name, default: String(fallback), meaning, show: plain, schema };
}

/** true/false, yes/no, on/off, 1/0. */
export function flag(name: string, fallback: boolean, meaning: string): Variable<boolean> {
  const schema = z
    .string()
    .trim()
    .pipe(z.stringbool({ error: "must be true or false" }));
  return { name, default: String(fallback), meaning, show: plain, schema };
}

const levels = { DEBUG: "debug", INFO: "info", WARNING: "warn", ERROR: "error", CRITICAL: "fatal" } as const;

/** A log level by its name; its value is the name that the logger uses. */
export function level(name: string, fallback: keyof typeof levels, meaning: string) {
  const names = Object.keys(levels) as (keyof typeof levels)[];
  const schema = z
    .string()
    .trim()
    .toUpperCase()
    .pipe(z.enum(names, { error: `must be one of ${names.join(", ")}` }))
    .transform((value) => levels[value]);
  return { name, default: fallback, meaning, show: plain, schema } satisfies Variable<string>;
}

/** An IANA time zone that this runtime knows. The default is not checked: a check takes a tenth of a cold start. */
export function timeZone(name: string, fallback: string, meaning: string): Variable<string> {
  const schema = z
    .string()
    .trim()
    .refine((value) => value === fallback || isTimeZone(value), "must be an IANA time zone such as Asia/Seoul or UTC");
  return { name, default: fallback, meaning, show: plain, schema };
}

function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
    return true;
  } catch {
    return false;
  }
}

/** A path that starts with a slash; trailing slashes are dropped. */
export function urlPath(name: string, fallback: string, meaning: string): Variable<string> {
  const schema = z
    .string()
    .trim()
    .regex(/^\/[^\s?#{}*:]*$/, "must be a path that starts with /, without parameters or a query")
    .transform((value) => value.replace(/\/+$/, ""));
  return { name, default: fallback, meaning, show: plain, schema };
}

/** `redis://`, `rediss://` or `redis+sentinel://`; its password is never displayed. */
export function redisUrl(name: string, fallback: string, meaning: string): Variable<string> {
  const schema = z.string().trim().refine(isRedisUrl, redisUrlForm);
  return { name, default: fallback, meaning, show: maskUrl, schema };
}

/** `http://` or `https://`, with an optional path. */
export function schedulerUrl(name: string, fallback: string, meaning: string): Variable<string> {
  const schema = z.string().trim().refine(isHttpUrl, "must look like http://host:port or https://…");
  return { name, default: fallback, meaning, show: maskUrl, schema };
}

/** `http://` or `https://`, or empty. */
export function optionalUrl(name: string, meaning: string): Variable<string | undefined> {
  const { schema, show } = schedulerUrl(name, "", meaning);
  const optional = z.union([z.literal("").transform(() => undefined), schema]);
  return { name, default: "", meaning, show, schema: optional };
}

/** Web origins separated by commas, `*` for any, or empty. */
export function origins(name: string, meaning: string): Variable<readonly string[]> {
  const schema = z
    .string()
    .transform((value) => (value.trim() === "" ? [] : value.split(",").map((part) => part.trim())))
    .refine(
      (parts) => parts.every(isOrigin),
      "must be origins such as https://portal.example, separated by commas, or *",
    );
  return { name, default: "", meaning, show: plain, schema };
}

function isOrigin(value: string): boolean {
  return value === "*" || (URL.canParse(value) && /^https?:/.test(value) && new URL(value).origin === value);
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** One line with the variable, its masked value and what is allowed. */
export function faultText(variable: Variable<unknown>, value: string, error: z.ZodError): string {
  return `${variable.name}=${JSON.stringify(variable.show(value))}: ${error.issues.map((issue) => issue.message).join("; ")}`;
}

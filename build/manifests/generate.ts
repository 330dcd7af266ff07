import { Document, stringify } from "yaml";
import { type DeployableFunction, findFunctions } from "../functions.ts";
import { httpRoute, knativeService, roomOf } from "./knative.ts";
import { lambdaFunction } from "./lambda.ts";

const note =
  "# Written by `npm run manifests` from the functions' own definitions; change those, or build/manifests.\n";
const style = { lineWidth: 120, aliasDuplicateObjects: false };

/** The text of every generated file, by its path from the project's root. */
export async function generateManifests(): Promise<Readonly<Record<string, string>>> {
  const functions = await findFunctions();
  const served = functions.filter(({ kind }) => kind === "http");
  const rooms = [...new Set(served.map(roomOf))].sort();
  const inRoom = (room: string) => served.filter((fn) => roomOf(fn) === room);
  return {
    "knative/base/functions.yaml": documents(functions.map(knativeService)),
    "knative/base/routes.yaml": documents(rooms.map((room) => httpRoute(room, inRoom(room)))),
    "serverless.functions.yml": note + stringify(byName(served), style),
  };
}

function documents(values: readonly unknown[]): string {
  return `${note}---\n${values.map((value) => new Document(value, style).toString(style)).join("---\n")}`;
}

function byName(functions: readonly DeployableFunction[]) {
  return Object.fromEntries(functions.map((fn) => [fn.name, lambdaFunction(fn)]));
}

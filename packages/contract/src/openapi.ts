import { z } from "zod";
import { PROBLEMS } from "./codes.ts";
import { PROBLEM_MEDIA_TYPE, problemSchema } from "./problem.ts";
import { REGISTRY_ERROR_MEDIA_TYPE, registryErrorSchema } from "./registry-error.ts";
import { type Authorisation, pathParameters, type Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** A JSON Schema or OpenAPI fragment. */
type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of the route table. Pure: the same table gives the same document. */
export function openApiDocument(serviceVersion: string): Json {
  const paths: Record<string, Json> = {};
  for (const [id, route] of Object.entries(ROUTES) as [string, Route][]) {
    // OpenAPI has no placeholder for several segments: the description of the parameter says it instead.
    const path = route.path.replace("{+", "{");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(id, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Stemma repository service",
      version: serviceVersion,
      description:
        "Where does this digest come from, and may I trust it? TUF and in-toto, keyed by artifact digest.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "API token made by `stemma token`." },
      },
    },
    "x-stemma-codes": PROBLEMS,
  };
}

function operation(id: string, route: Route): Json {
  return {
    operationId: id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    "x-stemma-authorisation": describeAuthorisation(route.authorisation),
    security: route.authorisation.kind === "token" ? [{ token: [route.authorisation.scope] }] : [],
    parameters: [...parameters(route, "path"), ...parameters(route, "query")],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: schemaOf(route.body, "input") } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [
          status,
          {
            description: answer.description,
            content: {
              [answer.mediaType]: {
                schema: answer.schema === undefined ? { type: "string" } : schemaOf(answer.schema, "output"),
              },
            },
          },
        ]),
      ),
      default:
        route.refusals === "registry"
          ? {
              description: "A refusal: errors as the OCI distribution specification has them.",
              content: {
                [REGISTRY_ERROR_MEDIA_TYPE]: { schema: { $ref: "#/components/schemas/RegistryErrors" } },
              },
            }
          : {
              description: "A refusal: RFC 9457 problem details with a stable code.",
              content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
            },
    },
  };
}

/** The authorisation of a route as one phrase for people. */
export function describeAuthorisation(authorisation: Authorisation): string {
  switch (authorisation.kind) {
    case "public":
      return "Public.";
    case "signatures":
      return `What is sent must carry valid signatures: ${authorisation.by}.`;
    case "token":
      return `API token with the scope ${authorisation.scope}.`;
  }
}

function parameters(route: Route, place: "path" | "query"): Json[] {
  const shape = (place === "path" ? route.params : route.query).shape as Record<string, z.ZodType>;
  const names = place === "path" ? pathParameters(route.path) : Object.keys(shape);
  return names.map((name) => {
    const schema = shape[name];
    if (schema === undefined)
      throw new Error(`The path ${route.path} has no schema for its parameter ${name}.`);
    const described = schemaOf(schema, "input");
    return {
      name,
      in: place,
      required: place === "path" || !schema.safeParse(undefined).success,
      ...(typeof schema.description === "string" ? { description: schema.description } : {}),
      schema: described,
    };
  });
}

/** Schemas that have a name of their own appear once under components. */
function components(): Json {
  const found: Json = {
    Problem: inline(problemSchema, "output"),
    RegistryErrors: inline(registryErrorSchema, "output"),
  };
  for (const route of Object.values(ROUTES) as Route[]) {
    if (route.body !== undefined) found[nameOf(route.body) ?? ""] = inline(route.body, "input");
    for (const answer of Object.values(route.answers)) {
      if (answer.schema !== undefined) found[nameOf(answer.schema) ?? ""] = inline(answer.schema, "output");
    }
  }
  return found;
}

function nameOf(schema: z.ZodType): string | undefined {
  return z.globalRegistry.get(schema)?.id;
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const name = nameOf(schema);
  // Only bodies live under components; a named parameter is short enough to stand where it is used.
  if (name !== undefined && schema instanceof z.ZodObject) return { $ref: `#/components/schemas/${name}` };
  return inline(schema, io);
}

/** One self-contained JSON Schema (2020-12, the dialect of OpenAPI 3.1) without names that would need a $defs. */
function inline(schema: z.ZodType, io: "input" | "output"): Json {
  const emitted = z.toJSONSchema(schema, { target: "draft-2020-12", io, metadata: noNames }) as Json;
  delete emitted.$schema;
  return emitted;
}

/** Descriptions without ids: zod would move every schema with an id into a $defs beside it. */
const noNames = {
  get(schema: z.ZodType) {
    const found = z.globalRegistry.get(schema as never);
    if (found === undefined) return undefined;
    const { id: _id, ...rest } = found;
    return rest;
  },
  has: (schema: z.ZodType) => z.globalRegistry.has(schema as never),
} as unknown as z.core.$ZodRegistry<Record<string, unknown>>;

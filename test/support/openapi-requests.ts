/** Requests made of an OpenAPI document: for each operation one that is in order, and each of its parameters by name. */

export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  default?: unknown;
  examples?: unknown[];
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

export interface Parameter {
  in: 'query' | 'path' | 'header';
  name: string;
  required?: boolean;
  example?: unknown;
  schema: Schema;
}

interface Operation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  'x-scope'?: string;
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}

export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** `/api/users/{username}` */
  path: string;
  scope: string;
  pathParameters: Parameter[];
  queryParameters: Parameter[];
  body: Schema | undefined;
}

export function routesOf(document: OpenApi): Route[] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const parameters = operation.parameters ?? [];
      return {
        method: method.toUpperCase() as Route['method'],
        path,
        scope: operation['x-scope'] ?? 'public',
        pathParameters: parameters.filter((parameter) => parameter.in === 'path'),
        queryParameters: parameters.filter((parameter) => parameter.in === 'query'),
        body: operation.requestBody?.content['application/json']?.schema,
      };
    }),
  );
}

export interface RouteRequest {
  path: Record<string, string>;
  query: [name: string, value: string][];
  body: unknown;
}

/** One with every required parameter, each as the document says. */
export function validRequest(route: Route): RouteRequest {
  return {
    path: Object.fromEntries(
      route.pathParameters.map((parameter) => [parameter.name, String(sample(parameter))]),
    ),
    query: route.queryParameters
      .filter(({ required }) => required)
      .map((parameter) => [parameter.name, String(sample(parameter))]),
    body: route.body && sampleOf(route.body),
  };
}

/** The address; a path parameter that is `raw` stands there as it is. */
export function urlOf(route: Route, request: RouteRequest, raw?: { name: string; text: string }): string {
  const path = route.path.replace(/\{([^}]+)\}/g, (_, name: string) =>
    raw?.name === name ? raw.text : encode(request.path[name] ?? ''),
  );
  const query = request.query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  return query === '' ? path : `${path}?${query}`;
}

/** Lone surrogates cannot be encoded: they are what a broken client makes of them. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function sample({ example, schema, name }: Parameter): unknown {
  if (example !== undefined) return example;
  const value = sampleOf(schema);
  return value === 'x' && name === 'year' ? '2026' : value;
}

function sampleOf(schema: Schema): unknown {
  if (schema.examples?.[0] !== undefined) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf?.[0]) return sampleOf(schema.anyOf[0]);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'integer':
    case 'number':
      return schema.minimum !== undefined && schema.minimum > -1e9 ? schema.minimum : 1;
    case 'boolean':
      return true;
    case 'array':
      return [];
    case 'object': {
      const members = Object.entries(schema.properties ?? {}).filter(([name]) =>
        schema.required?.includes(name),
      );
      return Object.fromEntries(members.map(([name, member]) => [name, sampleOf(member)]));
    }
    default:
      if (schema.format === 'date-time') return '2026-01-01T00:00:00Z';
      if (schema.format === 'uuid') return '00000000-0000-4000-8000-000000000000';
      return /^\^\\?d|\[0-9\]/.test(schema.pattern ?? '') ? '1' : 'x';
  }
}

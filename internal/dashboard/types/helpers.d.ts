// Types of a call, derived from the paths that openapi-typescript makes of api/openapi.yaml.
import type { paths } from "./api.js";

export type Method<P extends keyof paths> = "get" | "post" | "delete";

/** The paths that take a method. */
export type With<M extends string> = { [P in keyof paths]: M extends keyof paths[P] ? (paths[P][M] extends { responses: unknown } ? P : never) : never }[keyof paths];

type Operation<P extends keyof paths, M> = M extends keyof paths[P] ? paths[P][M] : never;
type Parameter<O, Where extends string> = O extends { parameters: infer A } ? (Where extends keyof A ? A[Where] : never) : never;
type Content<T> = T extends { content: { "application/json": infer B } } ? B : never;

export type Options<P extends keyof paths, M> = {
  signal?: AbortSignal;
  /** How long to wait for an answer, in milliseconds; 20 s by default. */
  patience?: number;
  params?: NonNullable<Parameter<Operation<P, M>, "path">>;
  query?: NonNullable<Parameter<Operation<P, M>, "query">>;
  body?: Operation<P, M> extends { requestBody?: infer B } ? Content<NonNullable<B>> : never;
};

/** What the call answers with if all is well. */
export type Answer<P extends keyof paths, M> = Operation<P, M> extends { responses: infer R } ? (200 extends keyof R ? Content<R[200]> : never) | (201 extends keyof R ? Content<R[201]> : never) : never;

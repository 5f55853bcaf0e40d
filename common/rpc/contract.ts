import { RequestContext, type Candidates as WireCandidates } from '../../gen/millrace/type/v1/type.ts';
import { type Candidates, fromWire, toWire } from '../columns.ts';
import { fieldError, MillraceError, type Reason } from '../errors.ts';
import type { Role } from './access.ts';
import type { Call } from './call.ts';

/** A method as ts-proto generates it for grpc-js. */
export interface GeneratedMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: the message types differ from method to method
  readonly requestSerialize: (message: any) => Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly requestDeserialize: (bytes: Buffer) => any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly responseSerialize: (message: any) => Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly responseDeserialize: (bytes: Buffer) => any;
}
export type GeneratedService = Readonly<Record<string, GeneratedMethod>>;

type RequestOf<M extends GeneratedMethod> = ReturnType<M['requestDeserialize']>;
type ResponseOf<M extends GeneratedMethod> = ReturnType<M['responseDeserialize']>;

/** A message as code sees it: wire candidates are columns, the request's context is always there. */
export type Framed<M> = {
  [K in keyof M]: NonNullable<M[K]> extends WireCandidates
    ? Candidates
    : NonNullable<M[K]> extends RequestContext
      ? K extends 'context'
        ? RequestContext
        : M[K]
      : M[K];
};

type FrameFields<M> = {
  [K in keyof M]-?: NonNullable<M[K]> extends WireCandidates ? K : never;
}[keyof M];

type Method<M extends GeneratedMethod> = M['responseStream'] extends true
  ? M['requestStream'] extends true
    ? (requests: AsyncIterable<RequestOf<M>>, call: Call) => AsyncIterable<Framed<ResponseOf<M>>>
    : (request: Framed<RequestOf<M>>, call: Call) => AsyncIterable<Framed<ResponseOf<M>>>
  : (request: Framed<RequestOf<M>>, call: Call) => Promise<Framed<ResponseOf<M>>>;

/**
 * A service as code sees it. An implementation and a client of it have this same type, so that a stage can be called in memory
 * or over a socket by the same code.
 */
export type Service<S extends GeneratedService> = { [K in keyof S]: Method<S[K]> };

interface MethodRules<Request, Response> {
  /** Whom the method is for. Default: *serve*. */
  readonly role?: Role;
  /** Fields of the request that hold candidates. */
  readonly request?: readonly FrameFields<Request>[];
  /** Fields of the response that hold candidates. */
  readonly response?: readonly FrameFields<Response>[];
  /** True if the request has a `context` that defaults to an empty one. */
  readonly context?: true;
  /** Throws what a client must not accept as an answer to this request. */
  readonly check?: (request: Framed<Request>, response: Framed<Response>) => void;
}

export type Rules<S extends GeneratedService> = {
  readonly [K in keyof S]?: MethodRules<RequestOf<S[K]>, ResponseOf<S[K]>>;
};

/** A method ready for both transports. Messages are `Framed` on the code's side and bytes on the wire's. */
export interface ContractMethod {
  readonly path: string;
  readonly role: Role;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  encodeRequest(message: unknown): Buffer;
  decodeRequest(bytes: Buffer): unknown;
  encodeResponse(message: unknown): Buffer;
  decodeResponse(bytes: Buffer): unknown;
  check(request: unknown, response: unknown): void;
}

/** A service's methods with their rules, as servers and clients need them. */
export interface Contract<S extends GeneratedService> {
  /** Full name, as `millrace.ranking.v1.RankingService`. */
  readonly name: string;
  readonly methods: Readonly<Record<string, ContractMethod>>;
  /** For types only. */
  readonly service?: S;
}

/** Joins a generated service with its rules. */
export function contract<S extends GeneratedService>(service: S, rules: Rules<S>): Contract<S> {
  const methods: Record<string, ContractMethod> = {};
  let name = '';
  for (const [key, generated] of Object.entries(service)) {
    const rule = (rules[key] ?? {}) as unknown as {
      role?: Role;
      request?: string[];
      response?: string[];
      context?: true;
      check?: ContractMethod['check'];
    };
    name = generated.path.split('/')[1];
    methods[key] = {
      path: generated.path,
      role: rule.role ?? 'serve',
      requestStream: generated.requestStream,
      responseStream: generated.responseStream,
      encodeRequest: (message) => generated.requestSerialize(unframe(message, rule.request)),
      decodeRequest: (bytes) =>
        frameRequest(parse(generated.requestDeserialize, bytes, 'MESSAGE_MALFORMED'), rule),
      encodeResponse: (message) => generated.responseSerialize(unframe(message, rule.response)),
      decodeResponse: (bytes) =>
        frame(
          parse(generated.responseDeserialize, bytes, 'RESPONSE_INVALID'),
          rule.response,
          'RESPONSE_INVALID',
        ),
      check: rule.check ?? (() => {}),
    };
  }
  return { name, methods };
}

type Message = Record<string, unknown>;

function parse(deserialize: (bytes: Buffer) => unknown, bytes: Buffer, reason: Reason): Message {
  try {
    return deserialize(bytes) as Message;
  } catch (cause) {
    throw new MillraceError(reason, `not a valid message: ${(cause as Error).message}`, { cause });
  }
}

function frame(message: Message, fields: readonly string[] | undefined, reason: Reason): Message {
  for (const field of fields ?? [])
    message[field] = fromWire(message[field] as WireCandidates | undefined, field, reason);
  return message;
}

function frameRequest(message: Message, rule: { request?: string[]; context?: true }): Message {
  frame(message, rule.request, 'COLUMNS_INVALID');
  if (rule.context) message.context = checkedContext(message.context as RequestContext | undefined);
  return message;
}

function checkedContext(context: RequestContext | undefined): RequestContext {
  if (context === undefined) return RequestContext.fromPartial({});
  if (!(context.quality >= 0 && context.quality <= 1))
    throw fieldError('context.quality', `${context.quality} is not in [0, 1]`);
  return context;
}

function unframe(message: unknown, fields: readonly string[] | undefined): unknown {
  if (fields === undefined) return message;
  const wire = { ...(message as Message) };
  for (const field of fields) wire[field] = toWire(wire[field] as Candidates);
  return wire;
}

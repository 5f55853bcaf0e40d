import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { asMillraceError, MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { extractTrace, inSpan, SpanKind } from '../telemetry/trace.ts';
import { type Access, isLocalAddress } from './access.ts';
import type { Call } from './call.ts';
import type { Contract, ContractMethod, GeneratedService, Service } from './contract.ts';
import { type GrpcCall, peerSubjects } from './peer-subjects.ts';
import { addReflection } from './reflection.ts';
import { removeStaleSocket } from './stale-socket.ts';
import { toServiceError } from './status.ts';

const SERVER_OPTIONS = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 10_000,
  'grpc.max_connection_idle_ms': 10 * 60_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

type AnyHandler = (request: unknown, call: Call) => unknown;

/** A listening gRPC server with health, reflection and a graceful end. */
export class RpcServer {
  readonly #server = new Server(SERVER_OPTIONS);
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING' });
  readonly #names: string[] = [];
  readonly #log: Logger;
  readonly #inFlightMax: number;
  readonly #access: Access | undefined;
  readonly #credentials: ServerCredentials;
  readonly #ending = new AbortController();
  #inFlight = 0;
  #port = 0;
  #isLocal = true;

  /**
   * `inFlightMax`: unary calls beyond it are refused with RESOURCE_EXHAUSTED / OVERLOADED. `access`: who may call what; absent: everyone
   * everything. `credentials`: absent: connections are plain.
   */
  constructor(options: {
    log: Logger;
    inFlightMax?: number;
    access?: Access;
    credentials?: ServerCredentials | undefined;
  }) {
    this.#log = options.log;
    this.#access = options.access;
    this.#credentials = options.credentials ?? ServerCredentials.createInsecure();
    this.#inFlightMax = options.inFlightMax ?? 1024;
    this.#health.addToServer(this.#server);
  }

  /** Serves an implementation. Its health is NOT_SERVING until `setServing`. */
  add<S extends GeneratedService>(contract: Contract<S>, implementation: Service<S>): void {
    const definition: Record<string, unknown> = {};
    const handlers: Record<string, unknown> = {};
    for (const [key, method] of Object.entries(contract.methods)) {
      definition[key] = {
        path: method.path,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        requestSerialize: passThrough,
        requestDeserialize: passThrough,
        responseSerialize: passThrough,
        responseDeserialize: passThrough,
      };
      const handler = (implementation[key as keyof S] as AnyHandler).bind(implementation);
      handlers[key] = this.#handle(method, handler);
    }
    this.#server.addService(definition as ServiceDefinition, handlers as UntypedServiceImplementation);
    this.#names.push(contract.name);
    this.#health.setStatus(contract.name, 'NOT_SERVING');
  }

  /** Reports the health of every service added, and of the server as a whole. */
  setServing(serving: boolean): void {
    for (const name of ['', ...this.#names])
      this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Begins to listen. `address`: `host:port` (port 0 takes a free one) or `unix:path`. Answers the port, 0 for a path. */
  async listen(address: string): Promise<number> {
    addReflection(this.#server, this.#names);
    this.#isLocal = isLocalAddress(address);
    await removeStaleSocket(address);
    if (address.startsWith('unix:')) await removeDeadSocket(address.slice('unix:'.length));
    this.#port = await new Promise<number>((resolve, reject) =>
      this.#server.bindAsync(address, this.#credentials, (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    return this.#port;
  }

  /** Takes no new calls, ends streams, lets running calls end for at most `graceMs`, then closes. */
  async drain(graceMs = 5_000): Promise<void> {
    this.setServing(false);
    this.#ending.abort();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(1_000);
  }

  #handle(method: ContractMethod, handler: AnyHandler): unknown {
    if (!method.responseStream) {
      return (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        void this.#unary(method, handler, call, done);
    }
    return (call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>) =>
      void this.#stream(method, handler, call);
  }

  async #unary(
    method: ContractMethod,
    handler: AnyHandler,
    grpcCall: ServerUnaryCall<Buffer, Buffer>,
    done: sendUnaryData<Buffer>,
  ): Promise<void> {
    const startedAt = performance.now();
    const controller = new AbortController();
    let ended = false;
    // grpc-js says `cancelled` of every call, also of one that has been answered.
    grpcCall.on('cancelled', () => ended || controller.abort());
    let code = 0;
    this.#inFlight++;
    try {
      if (this.#inFlight > this.#inFlightMax) {
        throw new MillraceError('OVERLOADED', `more than ${this.#inFlightMax} calls in flight`);
      }
      const call = this.#admitted(method, grpcCall, controller.signal);
      const response = await inSpan(method.path.slice(1), SpanKind.SERVER, call.trace, async (trace) =>
        method.encodeResponse(await handler(method.decodeRequest(grpcCall.request), { ...call, trace })),
      );
      done(null, response);
    } catch (thrown) {
      const error = this.#report(method, thrown);
      code = error.code;
      done(toServiceError(error));
    } finally {
      ended = true;
      this.#inFlight--;
      metrics.rpcSeconds.observe({ method: method.path, code }, (performance.now() - startedAt) / 1000);
    }
  }

  async #stream(
    method: ContractMethod,
    handler: AnyHandler,
    stream: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  ): Promise<void> {
    const controller = new AbortController();
    const end = (): void => controller.abort();
    stream.on('cancelled', end);
    this.#ending.signal.addEventListener('abort', end);
    try {
      const call = this.#admitted(method, stream, controller.signal);
      const request = method.requestStream
        ? decoded(stream as ServerDuplexStream<Buffer, Buffer>, method)
        : method.decodeRequest((stream as ServerWritableStream<Buffer, Buffer>).request);
      for await (const response of handler(request, call) as AsyncIterable<unknown>) {
        if (controller.signal.aborted) break;
        if (!stream.write(method.encodeResponse(response))) await drained(stream, controller.signal);
      }
      stream.end();
    } catch (thrown) {
      stream.emit('error', toServiceError(this.#report(method, thrown)));
    } finally {
      this.#ending.signal.removeEventListener('abort', end);
    }
  }

  #admitted({ role }: ContractMethod, grpcCall: GrpcCall, signal: AbortSignal): Call {
    const call = serverCall(grpcCall, signal);
    const presented = {
      authorization: grpcCall.metadata.get('authorization')[0]?.toString(),
      subjects: () => peerSubjects(grpcCall),
    };
    const caller = this.#access?.admit(role, presented, this.#isLocal);
    return caller === undefined ? call : { ...call, caller };
  }

  #report(method: ContractMethod, thrown: unknown): MillraceError {
    const error = asMillraceError(thrown);
    if (error.responsible === 'stage')
      this.#log.error({ err: error, method: method.path, reason: error.reason }, error.message);
    return error;
  }
}

/** Removes the socket file that a killed process left behind; one that somebody listens on stays. */
async function removeDeadSocket(path: string): Promise<void> {
  const refused = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(false);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (refused) await rm(path, { force: true });
}

function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

function serverCall(grpcCall: GrpcCall, signal: AbortSignal): Call {
  const deadline = grpcCall.getDeadline();
  return {
    deadlineMs: deadline instanceof Date ? deadline.getTime() : deadline,
    signal,
    trace: extractTrace(grpcCall.metadata, metadataGetter),
  };
}

const metadataGetter = {
  keys: (metadata: Metadata) => Object.keys(metadata.getMap()),
  get: (metadata: Metadata, key: string) => metadata.get(key).map(String),
};

async function* decoded(
  stream: ServerDuplexStream<Buffer, Buffer>,
  method: ContractMethod,
): AsyncIterable<unknown> {
  for await (const bytes of stream) yield method.decodeRequest(bytes as Buffer);
}

function drained(
  stream: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    stream.on('drain', go);
    signal.addEventListener('abort', go);
  });
}

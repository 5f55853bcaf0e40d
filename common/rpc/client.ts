import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { pause } from '../clock.ts';
import { MillraceError } from '../errors.ts';
import { injectTrace, inSpan, SpanKind } from '../telemetry/trace.ts';
import { type Call, checkAlive, remainingMs } from './call.ts';
import type { Contract, ContractMethod, GeneratedService, Service } from './contract.ts';
import { fromServiceError } from './status.ts';
import type { Tls } from './tls.ts';

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};
const RETRIES_MAX = 2;
const RETRY_BACKOFF_MS = 5;

/** A channel to one address, shared by the clients of every service that is served there. */
export class Channel {
  readonly #client: Client;
  readonly address: string;
  readonly #token: string | undefined;

  /**
   * `address`: `host:port`, `unix:path` or any name that grpc-js resolves. `token` goes with every call; default: that of the
   * process, `MILLRACE_TOKEN`. `tls`: absent: the connection is plain.
   */
  constructor(
    address: string,
    { token = process.env.MILLRACE_TOKEN, tls }: { token?: string | undefined; tls?: Tls | undefined } = {},
  ) {
    this.#token = token;
    this.address = address;
    const secure = tls?.channelCredentials(address);
    this.#client = new Client(address, secure?.credentials ?? credentials.createInsecure(), {
      ...CHANNEL_OPTIONS,
      ...secure?.options,
    });
  }

  /** A client of the service. Deadline, cancellation and trace go along; only UNAVAILABLE is retried, within the deadline. */
  client<S extends GeneratedService>(contract: Contract<S>): Service<S> {
    const methods: Record<string, unknown> = {};
    for (const [key, method] of Object.entries(contract.methods)) {
      methods[key] = method.responseStream
        ? (request: unknown, call: Call) => this.#stream(method, request, call)
        : (request: unknown, call: Call) => this.#unary(method, request, call);
    }
    return methods as Service<S>;
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #unary(method: ContractMethod, request: unknown, call: Call): Promise<unknown> {
    return inSpan(method.path.slice(1), SpanKind.CLIENT, call.trace, async (trace) => {
      const bytes = method.encodeRequest(request);
      for (let attempt = 0; ; attempt++) {
        try {
          const response = method.decodeResponse(await this.#send(method, bytes, { ...call, trace }));
          method.check(request, response);
          return response;
        } catch (error) {
          const backoffMs = RETRY_BACKOFF_MS * 4 ** attempt;
          const again = (error as MillraceError).reason === 'STAGE_UNAVAILABLE' && attempt < RETRIES_MAX;
          if (!again || remainingMs(call) <= backoffMs || call.signal.aborted) throw error;
          await pause(backoffMs, call.signal);
        }
      }
    });
  }

  #send(method: ContractMethod, bytes: Buffer, call: Call): Promise<Buffer> {
    checkAlive(call);
    return new Promise<Buffer>((resolve, reject) => {
      const grpcCall = this.#client.makeUnaryRequest(
        method.path,
        passThrough,
        passThrough,
        bytes,
        this.#metadata(call),
        { deadline: call.deadlineMs },
        (error: ServiceError | null, response?: Buffer) => {
          call.signal.removeEventListener('abort', cancel);
          if (error) reject(fromServiceError(error));
          else resolve(response as Buffer);
        },
      );
      const cancel = (): void => grpcCall.cancel();
      call.signal.addEventListener('abort', cancel);
    });
  }

  async *#stream(method: ContractMethod, request: unknown, call: Call): AsyncIterable<unknown> {
    const metadata = this.#metadata(call);
    const options = { deadline: call.deadlineMs };
    const stream = method.requestStream
      ? this.#client.makeBidiStreamRequest(method.path, passThrough, passThrough, metadata, options)
      : this.#client.makeServerStreamRequest(
          method.path,
          passThrough,
          passThrough,
          method.encodeRequest(request),
          metadata,
          options,
        );
    const cancel = (): void => stream.cancel();
    call.signal.addEventListener('abort', cancel);
    if ('write' in stream)
      void this.#feed(
        method,
        request as AsyncIterable<unknown>,
        stream as ClientDuplexStream<Buffer, Buffer>,
      );
    try {
      for await (const bytes of stream) yield method.decodeResponse(bytes as Buffer);
    } catch (error) {
      throw error instanceof MillraceError ? error : fromServiceError(error as ServiceError);
    } finally {
      call.signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  #metadata(call: Call): Metadata {
    const metadata = new Metadata();
    injectTrace(call.trace, metadata, metadataSetter);
    if (this.#token) metadata.set('authorization', `Bearer ${this.#token}`);
    return metadata;
  }

  async #feed(
    method: ContractMethod,
    requests: AsyncIterable<unknown>,
    stream: ClientDuplexStream<Buffer, Buffer>,
  ): Promise<void> {
    try {
      for await (const request of requests) stream.write(method.encodeRequest(request));
      stream.end();
    } catch {
      stream.cancel();
    }
  }
}

function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

const metadataSetter = { set: (metadata: Metadata, key: string, value: string) => metadata.set(key, value) };

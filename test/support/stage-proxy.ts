import {
  Client,
  credentials,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { pause } from '../../common/clock.ts';
import type { MillraceError } from '../../common/errors.ts';
import type { Contract, GeneratedService } from '../../common/rpc/contract.ts';
import { toServiceError } from '../../common/rpc/status.ts';

/** What a stand-in does to the answers of one stage. */
export interface Fault {
  /** Answers these bytes instead of the stage's own, made from those and the request's. */
  readonly corrupt?: (answer: Buffer, request: Buffer) => Buffer;
  /** Waits before it answers, milliseconds. */
  readonly delayMs?: number;
  /** Answers this error. */
  readonly error?: MillraceError;
}

/**
 * A foreign server in front of a real stage: hands bytes to and fro, until it is told to corrupt, delay or refuse the answers
 * of one method.
 */
export class StageProxy implements AsyncDisposable {
  readonly address: string;
  readonly #server: Server;
  readonly #client: Client;
  readonly #faults: Map<string, Fault>;

  private constructor(address: string, server: Server, client: Client, faults: Map<string, Fault>) {
    this.address = address;
    this.#server = server;
    this.#client = client;
    this.#faults = faults;
  }

  /** Stands before the server at `target` for all methods of the contracts. */
  static async start(target: string, contracts: readonly AnyContract[]): Promise<StageProxy> {
    const server = new Server();
    const client = new Client(target, credentials.createInsecure());
    const faults = new Map<string, Fault>();
    for (const contract of contracts) addContract(server, client, contract, faults);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    return new StageProxy(`127.0.0.1:${port}`, server, client, faults);
  }

  /** From now on the method (as `rank`) does this; without a fault it hands through again. */
  set(method: string, fault?: Fault): void {
    if (fault === undefined) this.#faults.delete(method);
    else this.#faults.set(method, fault);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    this.#client.close();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: contracts of any service
type AnyContract = Contract<any> & Contract<GeneratedService>;

function addContract(
  server: Server,
  client: Client,
  contract: AnyContract,
  faults: ReadonlyMap<string, Fault>,
): void {
  const definition: Record<string, unknown> = {};
  const handlers: Record<string, unknown> = {};
  for (const [name, { path, requestStream, responseStream }] of Object.entries(contract.methods)) {
    definition[name] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    if (!responseStream) handlers[name] = unary(client, path, () => faults.get(name) ?? {});
    else if (requestStream) handlers[name] = duplex(client, path);
    else handlers[name] = serverStream(client, path);
  }
  server.addService(definition as ServiceDefinition, handlers as never);
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function unary(client: Client, path: string, faultNow: () => Fault): unknown {
  return async (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): Promise<void> => {
    const { corrupt = same, delayMs = 0, error } = faultNow();
    if (delayMs > 0) await pause(delayMs);
    if (error !== undefined) return done(toServiceError(error));
    client.makeUnaryRequest(
      path,
      same,
      same,
      call.request,
      forwarded(call.metadata),
      { deadline: call.getDeadline() },
      (fault: ServiceError | null, answer?: Buffer) =>
        fault ? done(fault) : done(null, corrupt(answer as Buffer, call.request)),
    );
  };
}

function duplex(client: Client, path: string): unknown {
  return (call: ServerDuplexStream<Buffer, Buffer>): void => {
    const onward = client.makeBidiStreamRequest(path, same, same, forwarded(call.metadata));
    call.on('data', (bytes: Buffer) => onward.write(bytes));
    call.on('end', () => onward.end());
    call.on('cancelled', () => onward.cancel());
    onward.on('data', (bytes: Buffer) => call.write(bytes));
    onward.on('end', () => call.end());
    onward.on('error', (error) => call.emit('error', error));
  };
}

function serverStream(client: Client, path: string): unknown {
  return (call: ServerWritableStream<Buffer, Buffer>): void => {
    const onward = client.makeServerStreamRequest(path, same, same, call.request, forwarded(call.metadata));
    call.on('cancelled', () => onward.cancel());
    onward.on('data', (bytes: Buffer) => call.write(bytes));
    onward.on('end', () => call.end());
    onward.on('error', (error) => call.emit('error', error));
  };
}

function forwarded(metadata: Metadata): Metadata {
  const copy = metadata.clone();
  copy.remove('user-agent');
  return copy;
}

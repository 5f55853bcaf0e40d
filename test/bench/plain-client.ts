import { Client, credentials } from '@grpc/grpc-js';
import type { PlainMethod } from './hops.ts';

const READY_TIMEOUT_MS = 30_000;

/** Unary calls of one method by grpc-js and the generated code alone: no spans, retries, checks or deadlines. */
export class PlainClient {
  readonly #client: Client;
  readonly #method: PlainMethod;

  constructor(address: string, method: PlainMethod) {
    this.#client = new Client(address, credentials.createInsecure());
    this.#method = method;
  }

  /** Answers when the server can be reached. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#client.waitForReady(Date.now() + READY_TIMEOUT_MS, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  }

  call(request: unknown): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    return new Promise((resolve, reject) =>
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (error, response) => (error ? reject(error) : resolve(response)),
      ),
    );
  }

  close(): void {
    this.#client.close();
  }
}

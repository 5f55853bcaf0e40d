import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { pause } from '../../common/clock.ts';
import type { Tls } from '../../common/rpc/tls.ts';

const POLL_MS = 50;
const CHECK_TIMEOUT_MS = 1_000;

/** Waits until the server reports SERVING by the gRPC health protocol. */
export async function untilServing(address: string, timeoutMs: number, tls?: Tls): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const status = await healthOf(address, '', tls).catch((error: Error) => error.message);
    if (status === 'SERVING') return;
    if (Date.now() > endMs) throw new Error(`${address} does not serve after ${timeoutMs} ms: ${status}`);
    await pause(POLL_MS);
  }
}

/** What the server at `address` says of a service, by default of itself: `SERVING`, `NOT_SERVING`. Rejects where it cannot be reached. */
export function healthOf(address: string, service = '', tls?: Tls): Promise<string> {
  const secure = tls?.channelCredentials(address);
  const client = new Client(address, secure?.credentials ?? credentials.createInsecure(), secure?.options);
  const { path, requestSerialize, responseDeserialize } = health.Check;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
      new Metadata(),
      { deadline: Date.now() + CHECK_TIMEOUT_MS },
      (error: ServiceError | null, response?: unknown) => {
        client.close();
        if (error) reject(error);
        else resolve((response as { status: string }).status);
      },
    );
  });
}

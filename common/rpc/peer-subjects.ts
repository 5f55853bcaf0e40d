import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { subjectsOf } from './certificate-subjects.ts';

/** A call as a server's handler gets it. */
export type GrpcCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

const NONE: readonly string[] = [];
const known = new WeakMap<object, readonly string[]>();

/**
 * What the client's certificate may be known by; none where it showed none that was verified. grpc-js makes the certificate's fields anew
 * at every call, so they are kept for as long as the connection lasts, which shows one certificate.
 */
export function peerSubjects(grpcCall: GrpcCall): readonly string[] {
  const connection = connectionOf(grpcCall);
  const kept = connection && known.get(connection);
  if (kept !== undefined) return kept;
  const certificate = grpcCall.getAuthContext().sslPeerCertificate;
  const subjects = certificate === undefined ? NONE : subjectsOf(certificate);
  if (connection !== undefined) known.set(connection, subjects);
  return subjects;
}

interface Layer {
  readonly nextCall?: Layer;
  readonly stream?: { readonly session?: object };
}

/** The HTTP/2 session, which grpc-js has in private fields under its interceptors; undefined where it is not found. */
function connectionOf(grpcCall: GrpcCall): object | undefined {
  let layer = (grpcCall as unknown as { readonly call?: Layer }).call;
  while (layer?.nextCall !== undefined) layer = layer.nextCall;
  return layer?.stream?.session;
}

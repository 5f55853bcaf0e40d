import { join } from 'node:path';
import {
  Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { projectRoot } from '../../common/root.ts';
import { fromServiceError } from '../../common/rpc/status.ts';
import { healthOf } from '../support/health.ts';

const TIMEOUT_MS = 10_000;

/** What only a socket shows: bytes as they are, health and reflection. */
export class Wire implements Disposable {
  readonly address: string;
  readonly #client: Client;

  constructor(address: string) {
    this.address = address;
    this.#client = new Client(address, credentials.createInsecure());
  }

  /** Sends bytes to a method, as `/millrace.ranking.v1.RankingService/Rank`; rejects with the MillraceError that came back. */
  send(path: string, bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        same,
        same,
        bytes,
        new Metadata(),
        { deadline: Date.now() + TIMEOUT_MS },
        (error: ServiceError | null, answer?: Buffer) =>
          error ? reject(fromServiceError(error)) : resolve(answer as Buffer),
      );
    });
  }

  /** What the server says of a service, as `SERVING`. */
  health(service: string): Promise<string> {
    return healthOf(this.address, service);
  }

  /** The services that reflection lists, by v1 of its protocol or, from older servers, v1alpha. */
  async services(): Promise<string[]> {
    try {
      return await listServices(this.address, 'v1');
    } catch (error) {
      if ((error as ServiceError).code !== status.UNIMPLEMENTED) throw error;
      return listServices(this.address, 'v1alpha');
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function listServices(address: string, version: string): Promise<string[]> {
  const path = `node_modules/@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`;
  const loaded = loadPackageDefinition(loadSync(join(projectRoot, path), { keepCase: true }));
  const name = `grpc.reflection.${version}.ServerReflection`;
  const Reflection = name.split('.').reduce((node, key) => node[key] as never, loaded) as unknown;
  const client = new (Reflection as ServiceClientConstructor)(address, credentials.createInsecure());
  const stream = client.ServerReflectionInfo({ deadline: Date.now() + TIMEOUT_MS });
  return new Promise<string[]>((resolve, reject) => {
    stream.on('data', ({ list_services_response: listed }: Listed) => {
      resolve(listed?.service.map((service) => service.name) ?? []);
      stream.end();
    });
    stream.on('error', reject);
    stream.write({ list_services: '' });
  }).finally(() => client.close());
}

interface Listed {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect, test } from 'vitest';
import { TestAuthority } from '../../test/support/certificates.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { ConfigSource } from '../config.ts';
import { projectRoot } from '../root.ts';
import { createLogger } from '../telemetry/log.ts';
import { RpcServer } from './server.ts';
import { contracts, type StageService } from './services.ts';
import { Tls } from './tls.ts';

const PROTO = join(
  projectRoot,
  'node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto',
);
const { ServerReflection } = (
  loadPackageDefinition(loadSync(PROTO, { includeDirs: [dirname(PROTO)] })) as unknown as {
    grpc: { reflection: { v1: { ServerReflection: ServiceClientConstructor } } };
  }
).grpc.reflection.v1;

const never = (): never => {
  throw new Error('reflection calls no handler');
};
const uncalled: StageService = {
  describe: never,
  listBundles: never,
  loadBundle: never,
  unloadBundle: never,
};

interface Answer {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
}

function ask(client: Client, request: object): Promise<Answer> {
  const stream = (client as unknown as Record<string, () => NodeJS.ReadWriteStream>).ServerReflectionInfo();
  return new Promise((resolve, reject) => {
    stream.on('error', reject).on('data', (answer: unknown) => {
      stream.end();
      resolve(answer as Answer);
    });
    (stream as unknown as { write(message: object): void }).write(request);
  });
}

test.each([
  ['plain', false],
  ['encrypted', true],
])(
  'reflection by %s connections names the services and describes each so that every type resolves by its full name',
  async (_, encrypted) => {
    await using folder = await temporaryHome();
    const files = await new TestAuthority().issueInto(folder.home, 'both', {
      commonName: 'both',
      names: ['IP:127.0.0.1'],
    });
    const tls = encrypted ? Tls.of(new ConfigSource({ MILLRACE_HOME: folder.home, ...files })) : undefined;
    await using server = new RpcServer({ log: createLogger('test'), credentials: tls?.serverCredentials() });
    server.add(contracts.stage, uncalled);
    const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
    const secure = tls?.channelCredentials(address);
    const client = new ServerReflection(
      address,
      secure?.credentials ?? credentials.createInsecure(),
      secure?.options,
    );
    try {
      const { listServicesResponse } = await ask(client, { listServices: '' });
      expect(listServicesResponse?.service.map(({ name }) => name)).toEqual([contracts.stage.name]);
      for (const { name } of Object.values(contracts)) {
        const { fileDescriptorResponse } = await ask(client, { fileContainingSymbol: name });
        const file = (fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
          fromBinary(FileDescriptorProtoSchema, bytes),
        );
        expect(
          file.flatMap(({ package: scope, service }) => service.map((each) => `${scope}.${each.name}`)),
        ).toContain(name);
        const names = new Set(file.map((each) => each.name));
        expect(file.flatMap(({ dependency }) => dependency).filter((path) => !names.has(path))).toEqual([]);
        const types = file.flatMap(({ messageType }) =>
          messageType.flatMap(({ field }) => field.map((f) => f.typeName)),
        );
        expect(types.filter((type) => type !== '' && !type.startsWith('.'))).toEqual([]);
      }
    } finally {
      client.close();
    }
  },
);

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { projectRoot } from '../root.ts';

let descriptors: PackageDefinition | undefined;

/**
 * Adds gRPC server reflection (v1 and v1alpha) for the services named, from the descriptors that the build wrote: the files as
 * they were compiled, since proto-loader's own rendering names types relatively, which clients in Go refuse.
 */
export function addReflection(server: Server, services: readonly string[]): void {
  descriptors ??= compiledFiles();
  new ReflectionService(descriptors, { services: [...services] }).addToServer(server);
}

/** Files in the form in which the reflection service looks for them. */
function compiledFiles(): PackageDefinition {
  const path = join(projectRoot, 'gen', 'descriptors.binpb');
  if (!existsSync(path)) throw new Error(`${path} is missing: \`npm run build\` makes it`);
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(path));
  const fileDescriptorProtos = file.map((each) => Buffer.from(toBinary(FileDescriptorProtoSchema, each)));
  return { files: { fileDescriptorProtos } } as unknown as PackageDefinition;
}

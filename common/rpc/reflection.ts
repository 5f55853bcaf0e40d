import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { projectRoot } from '../root.ts';

let descriptors: PackageDefinition | undefined;

/** Adds gRPC server reflection (v1 and v1alpha) for the services named, from the descriptors that the build wrote. */
export function addReflection(server: Server, services: readonly string[]): void {
  if (descriptors === undefined) {
    const path = join(projectRoot, 'gen', 'descriptors.binpb');
    if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run bootstrap\``);
    descriptors = loadFileDescriptorSetFromBuffer(readFileSync(path));
  }
  new ReflectionService(descriptors, { services: [...services] }).addToServer(server);
}

import { type Import, importsOf, isTest, type Source, type Violation } from './source.ts';

const MAY_COMPOSE_SERVICES = 'services/cli/';

/**
 * Who may import whom. Services meet only in services/cli, deploy/, test/ and tests; training stays offline; common/ stands alone;
 * nothing that ships imports test/; the pure work of a stage knows no gRPC.
 */
export function layerViolations(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap((imported) => {
      const message = complaint(source.path, imported);
      return message === undefined ? [] : [{ path: source.path, line: imported.line, message }];
    }),
  );
}

function complaint(path: string, { specifier, target }: Import): string | undefined {
  if (path.endsWith('/stage.ts') && specifier.startsWith('@grpc/')) return `stage.ts imports ${specifier}`;
  if (target === undefined) return undefined;
  const from = topOf(path);
  const to = topOf(target);
  if (from === 'common' && (to === 'services' || to === 'deploy')) return `common/ imports ${target}`;
  if (from !== 'test' && !isTest(path) && to === 'test') return `shipped code imports ${target}`;
  if (from !== 'services' || isTest(path) || path.startsWith(MAY_COMPOSE_SERVICES)) return undefined;
  if (to === 'deploy') return `a service imports ${target}`;
  if (to === 'services' && serviceOf(target) !== serviceOf(path)) {
    return `services/${serviceOf(path)} imports another service: ${target}`;
  }
  return undefined;
}

function topOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function serviceOf(path: string): string {
  return path.split('/')[1] ?? '';
}

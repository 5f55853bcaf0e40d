import { asMillraceError } from '../errors.ts';
import { inSpan, SpanKind } from '../telemetry/trace.ts';
import { type Call, checkAlive, untilDeadline } from './call.ts';
import type { Contract, GeneratedService, Service } from './contract.ts';

type AnyHandler = (request: unknown, call: Call) => unknown;

/**
 * A client of an implementation in this process: no encoding, the same arrays on both sides, and otherwise the rules of a
 * socket (deadline, cancellation, spans, error reasons, the contract's checks).
 */
export function inMemory<S extends GeneratedService>(
  contract: Contract<S>,
  implementation: Service<S>,
): Service<S> {
  const methods: Record<string, unknown> = {};
  for (const [key, method] of Object.entries(contract.methods)) {
    const handler = (implementation[key as keyof S] as AnyHandler).bind(implementation);
    if (method.responseStream) {
      methods[key] = handler;
      continue;
    }
    const name = method.path.slice(1);
    methods[key] = (request: unknown, call: Call) =>
      inSpan(name, SpanKind.INTERNAL, call.trace, async (trace) => {
        checkAlive(call);
        try {
          const response = await untilDeadline(
            handler(request, { ...call, trace }) as Promise<unknown>,
            call,
          );
          method.check(request, response);
          return response;
        } catch (thrown) {
          throw asMillraceError(thrown);
        }
      });
  }
  return methods as Service<S>;
}

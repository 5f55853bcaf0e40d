import type { ForgetStatus } from '../../gen/millrace/logging/v1/logging.ts';

/**
 * How far it is with a person; undefined: no name of theirs has a request. A store is done when it is for every name, and `request`
 * never while a name lacks one, which a kill amid asking leaves.
 */
export function togetherOf(statuses: readonly ForgetStatus[], unasked: number): ForgetStatus | undefined {
  if (statuses.length === 0 || (statuses.length === 1 && unasked === 0)) return statuses[0];
  const [first] = statuses;
  return {
    ...first,
    deadlineMs: Math.min(...statuses.map(({ deadlineMs }) => deadlineMs)),
    done: unasked === 0 && statuses.every(({ done }) => done),
    stores: first.stores.map(({ store }) => {
      const each = statuses.flatMap(({ stores }) => stores.filter((one) => one.store === store));
      const isUnasked = unasked > 0 && store === 'request';
      const isDone = !isUnasked && each.every(({ doneMs }) => doneMs > 0);
      const details = [
        ...each.map(({ detail }) => detail),
        ...(isUnasked
          ? [`asked for ${statuses.length} of ${statuses.length + unasked} names: ask again`]
          : []),
      ];
      return {
        store,
        doneMs: isDone ? Math.max(...each.map(({ doneMs }) => doneMs)) : 0,
        detail: [...new Set(details)].join('; '),
      };
    }),
  };
}

import type { ForgetStatus } from '../../gen/millrace/logging/v1/logging.ts';

/** How far it is with a person, of whose names each has a request; undefined: none has. A store is done when it is for every name. */
export function togetherOf(statuses: readonly ForgetStatus[]): ForgetStatus | undefined {
  if (statuses.length < 2) return statuses[0];
  const [first] = statuses;
  return {
    ...first,
    deadlineMs: Math.min(...statuses.map(({ deadlineMs }) => deadlineMs)),
    done: statuses.every(({ done }) => done),
    stores: first.stores.map(({ store }) => {
      const each = statuses.flatMap(({ stores }) => stores.filter((one) => one.store === store));
      const isDone = each.every(({ doneMs }) => doneMs > 0);
      return {
        store,
        doneMs: isDone ? Math.max(...each.map(({ doneMs }) => doneMs)) : 0,
        detail: [...new Set(each.map(({ detail }) => detail))].join('; '),
      };
    }),
  };
}

import { Action } from '../gen/millrace/type/v1/type.ts';

const PREFIX = 'ACTION_';

/** Every action by its name, as `rating`. */
export const ACTION_BY_NAME: ReadonlyMap<string, Action> = new Map(
  Object.entries(Action)
    .filter(([name, action]) => name.startsWith(PREFIX) && action !== Action.ACTION_UNSPECIFIED)
    .map(([name, action]) => [name.slice(PREFIX.length).toLowerCase(), action]),
);

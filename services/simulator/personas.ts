import type { Audience } from './audience.ts';
import type { UserKind } from './people.ts';

/** Ids of users to show what a recommender does for each kind of person. */
export interface Personas {
  readonly newcomer: string;
  readonly light: string;
  readonly heavy: string;
}

/** The audience's first newcomer, light and heavy user. Throws naming the kind that it has none of. */
export function personas({ users }: Audience): Personas {
  const first = (kind: UserKind): string => {
    const user = users.find((candidate) => candidate.kind === kind);
    if (user === undefined) throw new Error(`the audience of ${users.length} has no ${kind} user`);
    return user.id;
  };
  return { newcomer: first('newcomer'), light: first('light'), heavy: first('heavy') };
}

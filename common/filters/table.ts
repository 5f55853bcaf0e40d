import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';

interface FilterRow {
  readonly reason: RemovalReason;
  /** What holds where a filter fails. `closed`: the whole call. `open`: the item stays, and the answer says so. */
  readonly policy: 'closed' | 'open';
  /** What it removes. */
  readonly removes: string;
  /** What holds of an item of which something is unknown. */
  readonly unknown: string;
}

/** Every filter, in the order in which they are asked: an item is removed for the first reason that holds. */
export const FILTER_TABLE = {
  'unknown-item': {
    reason: RemovalReason.REMOVAL_REASON_UNKNOWN_ITEM,
    policy: 'closed',
    removes: 'ordinals never given out, items deleted from the catalogue',
    unknown: 'goes',
  },
  blocked: {
    reason: RemovalReason.REMOVAL_REASON_BLOCKED,
    policy: 'closed',
    removes: 'items blocked for everyone, until the block ends or is taken back',
    unknown: 'does not arise',
  },
  excluded: {
    reason: RemovalReason.REMOVAL_REASON_EXCLUDED,
    policy: 'closed',
    removes: 'items that the request excludes, those of earlier pages among them',
    unknown: 'does not arise',
  },
  hidden: {
    reason: RemovalReason.REMOVAL_REASON_HIDDEN,
    policy: 'closed',
    removes: 'items that the user hid, for ever',
    unknown: 'nobody hid anything',
  },
  creator: {
    reason: RemovalReason.REMOVAL_REASON_CREATOR,
    policy: 'closed',
    removes: 'items of which the user blocked a creator',
    unknown: 'stays where the item names no creator',
  },
  seen: {
    reason: RemovalReason.REMOVAL_REASON_SEEN,
    policy: 'closed',
    removes: 'items that the user has seen, by the actions and for the days of `filtering.seen`',
    unknown: 'nobody has seen anything',
  },
  availability: {
    reason: RemovalReason.REMOVAL_REASON_UNAVAILABLE,
    policy: 'closed',
    removes: 'items before the start or from the end of their availability on',
    unknown: 'stays where the item has no such time',
  },
  region: {
    reason: RemovalReason.REMOVAL_REASON_REGION,
    policy: 'closed',
    removes: "items limited to regions of which the viewer's is none",
    unknown: 'goes where the viewer’s region is unknown',
  },
  age: {
    reason: RemovalReason.REMOVAL_REASON_AGE,
    policy: 'closed',
    removes: 'items for people older than the viewer',
    unknown: 'goes where the viewer’s age or what the item asks for is unknown',
  },
  segment: {
    reason: RemovalReason.REMOVAL_REASON_SEGMENT,
    policy: 'closed',
    removes: 'items for segments of which the viewer is in none',
    unknown: 'goes where the viewer’s segments are unknown',
  },
  fatigue: {
    reason: RemovalReason.REMOVAL_REASON_FATIGUE,
    policy: 'open',
    removes: 'items shown to the user as often, of late, as `filtering.fatigue` says, and not acted on since',
    unknown: 'stays where impressions are not kept',
  },
  duplicate: {
    reason: RemovalReason.REMOVAL_REASON_DUPLICATE,
    policy: 'closed',
    removes: 'items that stood earlier in the list',
    unknown: 'does not arise',
  },
} as const satisfies Readonly<Record<string, FilterRow>>;

export type FilterName = keyof typeof FILTER_TABLE;

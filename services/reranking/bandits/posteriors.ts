import { createHash } from 'node:crypto';
import { z } from 'zod';
import { packArrays, unpackArrays } from '../../../common/arrays.ts';
import type { Bandit, BanditSettings } from './bandit.ts';
import type { ExplorationConfig, SlatesConfig, SlotsConfig } from './config.ts';
import { ENSEMBLE } from './ensemble.ts';
import { ITEM_CONTEXT, ITEM_CONTEXT_LENGTH } from './item-contexts.ts';
import { SLATE_CONTEXT, SLATE_CONTEXT_LENGTH } from './slate-contexts.ts';
import { banditSource, openBandit } from './table.ts';

/** What was learnt, in force until other posteriors are. */
export interface Posteriors {
  /** Identifies what was learnt. Empty: nothing. */
  readonly version: string;
  /** The log's time up to which it was learnt, ms since the Unix epoch; 0: nothing was. */
  readonly timeMs: number;
  /** Undefined where configuration has no such bandit. */
  readonly slots: Bandit | undefined;
  readonly slates: Bandit | undefined;
}

const KIND = 'reranking.posteriors';
const PLACES = ['slots', 'slates'] as const;
type Place = (typeof PLACES)[number];

const metaSchema = z.object({
  timeMs: z.number(),
  bandits: z.partialRecord(z.enum(PLACES), z.object({ identity: z.string(), meta: z.unknown() })),
});

/** The bandits of the configuration, as new. */
export function newPosteriors(config: ExplorationConfig): Posteriors {
  const open = (place: Place): Bandit | undefined => {
    const settings = config[place];
    return settings && openBandit(settings.bandit, settingsOf(place, settings));
  };
  return { version: '', timeMs: 0, slots: open('slots'), slates: open('slates') };
}

/** The same posteriors give the same bytes. */
export function encodePosteriors(
  config: ExplorationConfig,
  posteriors: Omit<Posteriors, 'version'>,
): Uint8Array {
  const saved = PLACES.flatMap((place) => {
    const bandit = posteriors[place];
    return bandit === undefined ? [] : [{ place, ...bandit.save() }];
  });
  return packArrays(
    KIND,
    {
      timeMs: posteriors.timeMs,
      bandits: Object.fromEntries(
        saved.map(({ place, meta }) => [place, { identity: identityOf(place, config), meta }]),
      ),
    },
    Object.fromEntries(
      saved.flatMap(({ place, arrays }) =>
        Object.entries(arrays).map(([name, array]) => [`${place}.${name}`, array]),
      ),
    ),
  );
}

/**
 * Throws, naming what is wrong, where the bytes are damaged, hold values that are not finite, or are of other dimensions or another
 * bandit than the configuration has.
 */
export function decodePosteriors(config: ExplorationConfig, bytes: Uint8Array): Posteriors {
  const part = unpackArrays(bytes, KIND);
  const { timeMs, bandits } = part.meta(metaSchema);
  const open = (place: Place): Bandit | undefined => {
    const settings = config[place];
    if (settings === undefined) return undefined;
    const saved = bandits[place];
    if (saved === undefined) return openBandit(settings.bandit, settingsOf(place, settings));
    const identity = identityOf(place, config);
    if (saved.identity !== identity)
      throw new Error(`${place}: learnt as ${saved.identity}, configured as ${identity}`);
    const source = banditSource(part, `${place}.`, saved.meta);
    return openBandit(settings.bandit, settingsOf(place, settings), source);
  };
  return { version: versionOf(bytes), timeMs, slots: open('slots'), slates: open('slates') };
}

function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** What a posterior depends on beside the log: another identity cannot be read as this one. */
function identityOf(place: Place, config: ExplorationConfig): string {
  const settings = config[place];
  if (settings === undefined) return 'none';
  const { bandit, halfLife, members } = settings;
  const context = place === 'slots' ? ITEM_CONTEXT : SLATE_CONTEXT;
  return bandit === 'ensemble'
    ? `${ENSEMBLE} over ${context}, half-lives ${members.join(' ')}`
    : `${bandit} over ${context}, half-lives ${halfLife}`;
}

function settingsOf(
  place: Place,
  { halfLife, epsilon, members }: SlotsConfig | SlatesConfig,
): BanditSettings {
  return {
    dimensions: place === 'slots' ? ITEM_CONTEXT_LENGTH : SLATE_CONTEXT_LENGTH,
    halfLife,
    epsilon,
    members,
  };
}

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigSource } from '../../../common/config.ts';
import { encodeEvent } from '../../../common/log/events.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Random } from '../../../common/random.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { runCli } from '../../../test/support/cli.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { makeTinyHome } from '../../../test/support/tiny-home.ts';
import { valueOwnLog } from './own-log.ts';

const SEED = 77;
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 0, 1);
const OPTIONS = {
  from: 'log',
  policies: ['logged', 'uniform', 'greedy', 'epsilon:0.1'],
  reward: 'click',
  windowMs: 30 * MINUTE_MS,
  progress: () => {},
} as const;

/** Four items that are drawn for slot 1 with these odds and clicked with these probabilities; a slate's policy besides. */
const ODDS = [0.4, 0.3, 0.2, 0.1];
const CLICKS = [0.05, 0.1, 0.3, 0.5];
const SLATES = { plain: 0.2, varied: 0.4 };

function drawnFrom(odds: readonly number[], random: Random): number {
  let left = random.next();
  let arm = 0;
  while (arm < odds.length - 1 && left >= odds[arm]) left -= odds[arm++];
  return arm;
}

/** Decisions a minute apart with what came of them. */
function decisions(count: number, random: Random): Event[] {
  return Array.from({ length: count }, (_, i) => {
    const timeMs = START_MS + i * MINUTE_MS;
    const [arm, slate] = [drawnFrom(ODDS, random), drawnFrom([0.5, 0.5], random)];
    const [requestId, userId] = [`r${i}`, `user-${i % 7}`];
    const shown = ['item-9', `item-${arm}`].map((itemId) => ({ itemId }));
    const decision = {
      requestId,
      userId,
      shown,
      exploration: [
        {
          bandit: 'thompson-gaussian',
          arms: Object.keys(SLATES).map((name) => ({ arm: name, probability: 0.5 })),
          chosen: slate,
        },
        {
          slot: 1,
          bandit: 'linear-thompson',
          arms: ODDS.map((probability, item) => ({ arm: `item-${item}`, probability })),
          chosen: arm,
        },
        { slot: 0, bandit: 'slate', arms: [{ arm: 'item-9', probability: 1 }], chosen: 0 },
      ],
    };
    const click = (itemId: string) =>
      Event.fromPartial({
        eventId: `c${i}-${itemId}`,
        timeMs: timeMs + MINUTE_MS,
        feedback: { requestId, userId, itemId, action: Action.ACTION_CLICK },
      });
    return [
      Event.fromPartial({ eventId: `d${i}`, timeMs, decision }),
      ...(random.next() < CLICKS[arm] ? [click(`item-${arm}`)] : []),
      ...(random.next() < Object.values(SLATES)[slate] ? [click('item-9')] : []),
    ];
  }).flat();
}

test(`policies are valued on what exploration drew in the log (seed ${SEED})`, {
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryHome();
  const { home } = folder;
  await makeTinyHome(home, { users: 7, items: 12 });
  const empty = valueOwnLog(new ConfigSource({ MILLRACE_HOME: home }), OPTIONS);
  await expect(empty).rejects.toThrow('the log has no draw whose outcome is known');
  {
    await using log = await SegmentLog.open(join(home, 'log'));
    await log.append(decisions(4_000, new Random(SEED)).map(encodeEvent));
  }
  const [slots, slates] = await valueOwnLog(new ConfigSource({ MILLRACE_HOME: home }), OPTIONS);
  expect(slots).toMatchObject({ draws: 'slots', refused: [] });
  expect(slates).toMatchObject({ draws: 'slates', refused: [] });
  expect(slots.unknown).toBeGreaterThan(20);
  expect(slots.unknown).toBeLessThan(40);
  expect(slots.learnt + slots.valued + slots.unknown).toBe(4_000);
  const truths = new Map([
    ['logged', ODDS.reduce((sum, odds, arm) => sum + odds * CLICKS[arm], 0)],
    ['uniform', CLICKS.reduce((sum, click) => sum + click / 4, 0)],
    ['greedy', 0.5],
    ['epsilon:0.1', 0.9 * 0.5 + (0.1 * (0.05 + 0.1 + 0.3 + 0.5)) / 4],
  ]);
  for (const { policy, valuation } of slots.valuations) {
    for (const { estimator, value, standardError } of valuation.values)
      if (estimator !== 'dm')
        expect(Math.abs(value - truths.get(policy)!), `${policy} ${estimator}`).toBeLessThan(
          4 * standardError,
        );
  }
  const own = slots.valuations[0].valuation.values.find(({ estimator }) => estimator === 'ips')!;
  expect(own.value).toBeCloseTo(slots.mean, 5);
  const greedySlate = slates.valuations.find(({ policy }) => policy === 'greedy')!;
  const slot = truths.get('logged')!;
  const best = greedySlate.valuation.values.find(({ estimator }) => estimator === 'snips')!;
  expect(Math.abs(best.value - (slot + SLATES.varied))).toBeLessThan(4 * best.standardError);

  const { code, stdout } = await runCli(['ope', '--policies', 'greedy', 'uniform', '--json'], home);
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(2 * 2 * 6);
  expect(lines[0]).toMatchObject({ draws: 'slots', policy: 'greedy', estimator: 'replay' });
});

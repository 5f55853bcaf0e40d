import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { RuleContext } from './rule-context.ts';
import { parseRuleFile } from './rule-file.ts';
import { reportOn } from './rule-report.ts';
import { RuleSet } from './rule-set.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 1000 * DAY_MS;
const anywhere: RuleContext = { surface: '', locale: '', device: '', region: '', variant: '' };

const films = [
  {
    id: 'alien',
    categories: ['Horror', 'Scifi'],
    attributes: { year: { number: 1979 }, rating: { text: 'R' } },
  },
  { id: 'babe', categories: ['Family'], attributes: { year: { number: 1995 }, rating: { text: 'G' } } },
  {
    id: 'cube',
    categories: ['Horror'],
    attributes: { year: { number: 1997 }, tags: { texts: { values: ['maze', 'low budget'] } } },
  },
  { id: 'dune', categories: ['Scifi'], attributes: {}, availableFromMs: NOW_MS - 10 * DAY_MS },
  {
    id: 'emma',
    categories: [],
    attributes: { rating: { text: 'PG' } },
    availableFromMs: NOW_MS - 40 * DAY_MS,
  },
].map((film) => Item.fromPartial(film));
const idOf = (ordinal: number) => films[ordinal].id;

/** `yaml`: the rules of a file, as a list; `sets`: its sets. */
function load(yaml: string, sets = '{}') {
  const rules = new RuleSet(parseRuleFile(`sets: ${sets}\nrules: ${yaml}`, 'rules.yaml'));
  for (const [ordinal, film] of films.entries()) rules.setItem(ordinal, film);
  return { rules, report: reportOn(rules, films.length, idOf) };
}

/** The films by id after the rules, each with a score of 1 or as given. */
function run(rules: RuleSet, context: Partial<RuleContext> = {}, scores = [1, 1, 1, 1, 1], set = '') {
  const candidates = { items: Uint32Array.of(0, 1, 2, 3, 4), scores: Float32Array.from(scores) };
  const request = { context: { ...anywhere, ...context }, nowMs: NOW_MS, limit: 3, set };
  const outcome = rules.apply(candidates, request);
  return {
    scores: [...outcome.scores],
    excluded: films.filter((_, row) => outcome.excluded[row] === 1).map(({ id }) => id),
    pins: [...outcome.pins].map((row) => (row < 0 ? '-' : films[row].id)),
    firings: [...outcome.firingRule].map(
      (rule, i) => `${rules.rules[rule].name}:${films[outcome.firingRow[i]].id}`,
    ),
  };
}

const matched = (match: string) =>
  run(load(`[{name: x, match: ${match}, then: {exclude: true}}]`).rules).excluded;

describe('match', () => {
  it.each([
    ['{ids: dune}', ['dune']],
    ['{ids: [babe, cube]}', ['babe', 'cube']],
    ['{categories: [Horror, Family]}', ['alien', 'babe', 'cube']],
    ['{categories: Horror, attributes: {year: 1997}}', ['cube']],
    ['{attributes: {year: {atLeast: 1979, atMost: 1995}}}', ['alien', 'babe']],
    ['{attributes: {year: {atLeast: 1996}}}', ['cube']],
    ['{attributes: {rating: [G, PG]}}', ['babe', 'emma']],
    ['{attributes: {tags: maze}}', ['cube']],
    ['{attributes: {year: "1997"}}', []],
    ['{ageDays: {atMost: 10}}', ['dune']],
    ['{ageDays: {atLeast: 10}}', ['dune', 'emma']],
    ['{ageDays: {atLeast: 11, atMost: 39}}', []],
  ])('%s', (match, ids) => {
    expect(matched(match)).toEqual(ids);
  });
});

describe('when', () => {
  const rule = (when: string) =>
    load(`[{name: x, when: ${when}, match: {ids: babe}, then: {exclude: true}}]`).rules;
  it.each([
    ['{}', {}, true],
    ['{surface: home}', { surface: 'Home' }, true],
    ['{surface: home}', {}, false],
    ['{surface: [kids, home]}', { surface: 'home' }, true],
    ['{locale: en}', { locale: 'en-GB' }, true],
    ['{locale: en-GB}', { locale: 'en' }, false],
    ['{locale: e}', { locale: 'en' }, false],
    ['{device: tv, region: DE}', { device: 'tv', region: 'CH' }, false],
    ['{device: tv, region: DE, variant: b}', { device: 'tv', region: 'de', variant: 'b' }, true],
  ] as const)('%s on %j: %s', (when, context, applies) => {
    expect(run(rule(when), context).excluded).toEqual(applies ? ['babe'] : []);
  });
});

describe('effects', () => {
  it('boosts and buries multiply, and never move a negative score the wrong way', () => {
    const { rules } = load(`
      - {name: scifi, match: {categories: Scifi}, then: {boost: {factor: 2}}}
      - {name: old, match: {attributes: {year: {atMost: 1996}}}, then: {bury: {factor: 0.25}}}`);
    expect(run(rules, {}, [1, -1, 3, -4, 5])).toMatchObject({
      scores: [0.5, -4, 3, -2, 5],
      firings: ['scifi:alien', 'old:alien', 'old:babe', 'scifi:dune'],
    });
  });

  it('keeps scores finite', () => {
    const { rules } = load('[{name: x, match: {ids: [alien, babe]}, then: {boost: {factor: 1000}}}]');
    expect(run(rules, {}, [3e38, -3e38, 1, 1, 1]).scores.every(Number.isFinite)).toBe(true);
  });

  it('pins the best matching row that is free, and none past the slate', () => {
    const { rules } = load(`
      - {name: first, match: {categories: Horror}, then: {pin: {position: 1}}}
      - {name: third, match: {categories: [Horror, Scifi]}, then: {pin: {position: 3}}}
      - {name: fourth, match: {ids: babe}, then: {pin: {position: 4}}}`);
    const outcome = run(rules, {}, [2, 9, 2, 1, 1]);
    expect(outcome.pins).toEqual(['alien', '-', 'cube']);
    expect(outcome.firings).toEqual(['first:alien', 'third:cube']);
  });

  it('ranks exclusion above pins and pins above scores, in whatever order the rules stand', () => {
    const { rules } = load(`
      - {name: boost, match: {categories: [Horror, Scifi]}, then: {boost: {factor: 3}}}
      - {name: pin, match: {categories: Horror}, then: {pin: {position: 2}}}
      - {name: ban, match: {attributes: {rating: R}}, then: {exclude: true}}`);
    expect(run(rules, {}, [5, 1, 1, 1, 1])).toEqual({
      scores: [5, 1, 1, 3, 1],
      excluded: ['alien'],
      pins: ['-', 'cube', '-'],
      firings: ['ban:alien', 'pin:cube', 'boost:dune'],
    });
  });

  it('follows items that arrive, change and go', () => {
    const { rules } = load(
      '[{name: new, match: {categories: Western, ageDays: {atMost: 30}}, then: {exclude: true}}]',
    );
    const excluded = () => {
      const candidates = { items: Uint32Array.of(0, 900), scores: Float32Array.of(1, 1) };
      const request = { context: anywhere, nowMs: NOW_MS, limit: 2, set: '' };
      return [...rules.apply(candidates, request).excluded];
    };
    expect(excluded()).toEqual([0, 0]);
    rules.setItem(
      900,
      Item.fromPartial({ id: 'shane', categories: ['Western'], availableFromMs: NOW_MS - DAY_MS }),
    );
    expect(excluded()).toEqual([0, 1]);
    rules.setItem(
      900,
      Item.fromPartial({ id: 'shane', categories: ['Drama'], availableFromMs: NOW_MS - DAY_MS }),
    );
    expect(excluded()).toEqual([0, 0]);
    rules.setItem(0, Item.fromPartial({ id: 'alien', categories: ['Western'], availableFromMs: NOW_MS }));
    expect(excluded()).toEqual([1, 0]);
    rules.setItem(0, undefined);
    expect(excluded()).toEqual([0, 0]);
  });

  it('holds its invariants for any rules', () => {
    const match = fc.constantFrom(
      '{categories: Horror}',
      '{categories: [Scifi, Family]}',
      '{ids: [babe, emma]}',
      '{ageDays: {atMost: 20}}',
    );
    const then = fc.constantFrom(
      '{boost: {factor: 2}}',
      '{bury: {factor: 0.5}}',
      '{exclude: true}',
      '{pin: {position: 1}}',
      '{pin: {position: 2}}',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(match, then), { maxLength: 6 }), (specs) => {
        const all = specs.map(([m, t], i) => `{name: r${i}, priority: ${i}, match: ${m}, then: ${t}}`);
        const unbanned = all.filter(
          (spec) => !spec.includes('exclude') || !all.some((other) => other.includes('pin')),
        );
        const { rules } = load(`[${unbanned.join(', ')}]`);
        const outcome = run(rules, {}, [1, 2, 3, 4, 5]);
        const pinned = outcome.pins.filter((id) => id !== '-');
        expect(new Set(pinned).size).toBe(pinned.length);
        for (const [row, { id }] of films.entries()) {
          const effects = outcome.firings.filter((firing) => firing.endsWith(`:${id}`));
          if (outcome.excluded.includes(id))
            expect([effects.length, pinned.includes(id)]).toEqual([1, false]);
          if (outcome.excluded.includes(id) || pinned.includes(id)) expect(outcome.scores[row]).toBe(row + 1);
          if (effects.length === 0) expect(outcome.scores[row]).toBe(row + 1);
        }
      }),
      { seed: 1 },
    );
  });
});

describe('overrides, priorities and sets', () => {
  it('lets an overridden rule do nothing to items that both match, and only where both apply', () => {
    const { rules } = load(`
      - {name: new, when: {surface: home}, match: {categories: Scifi}, then: {boost: {factor: 2}}, overrides: [ban]}
      - {name: ban, match: {categories: [Scifi, Horror]}, then: {exclude: true}}`);
    expect(run(rules, { surface: 'home' })).toMatchObject({ excluded: ['cube'], scores: [2, 1, 1, 2, 1] });
    expect(run(rules).excluded).toEqual(['alien', 'cube', 'dune']);
  });

  it('pins by priority where two rules want one position', () => {
    const rules = (high: string) =>
      load(`
        - {name: a, match: {ids: babe}, then: {pin: {position: 1}}, priority: ${high === 'a' ? 1 : 0}}
        - {name: b, match: {ids: cube}, then: {pin: {position: 1}}, priority: ${high === 'b' ? 1 : 0}}`)
        .rules;
    expect([run(rules('a')).pins[0], run(rules('b')).pins[0]]).toEqual(['babe', 'cube']);
  });

  it('applies rules of a set only where the set is in force, and the others always', () => {
    const { rules } = load(
      `
      - {name: always, match: {ids: alien}, then: {exclude: true}}
      - {name: calm, match: {ids: cube}, then: {exclude: true}}
      - {name: both, match: {ids: dune}, then: {exclude: true}}`,
      '{quiet: [calm, both], loud: [both]}',
    );
    const excluded = (set: string) => run(rules, {}, [1, 1, 1, 1, 1], set).excluded;
    expect(excluded('')).toEqual(['alien']);
    expect(excluded('quiet')).toEqual(['alien', 'cube', 'dune']);
    expect(excluded('loud')).toEqual(['alien', 'dune']);
    expect(rules.sets).toEqual(['quiet', 'loud']);
  });

  it('does not depend on the order of the file beyond priority', () => {
    const specs = [
      '{match: {categories: Horror}, then: {boost: {factor: 3}}}',
      '{match: {categories: Scifi}, then: {bury: {factor: 0.3}}}',
      '{then: {freshness: {halfLifeDays: 20}}}',
      '{match: {ids: [alien, babe]}, then: {pin: {position: 2}}}',
      '{match: {ids: [cube, babe]}, then: {pin: {position: 2}}}',
      '{match: {attributes: {rating: PG}}, then: {exclude: true}}',
      '{match: {ageDays: {atMost: 50}}, then: {freshness: newestFirst}}',
    ].map((spec, i) => `{name: r${i}, priority: ${i}, ${spec.slice(1)}`);
    const ruled = (order: readonly string[]) =>
      run(load(`[${order.join(', ')}]`).rules, {}, [0.3, 0.7, 0.1, 0.9, 0.2]);
    fc.assert(
      fc.property(fc.shuffledSubarray(specs, { minLength: specs.length }), (order) => {
        expect(ruled(order)).toEqual(ruled(specs));
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it('adds the bonuses of the rules that match a row', () => {
    const { rules } = load(`
      - {name: a, match: {categories: Horror}, then: {boost: {factor: 2}}, bonus: 0.25}
      - {name: b, match: {categories: Scifi}, then: {bury: {factor: 0.5}}, bonus: 0.5}`);
    const candidates = { items: Uint32Array.of(0, 1, 2, 3), scores: Float32Array.of(1, 1, 1, 1) };
    const { bonuses } = rules.apply(candidates, { context: anywhere, nowMs: NOW_MS, limit: 3, set: '' });
    expect([...bonuses]).toEqual([0.75, 0, 0.25, 0.5]);
  });
});

describe('freshness', () => {
  it('by half-life boosts new items more than old ones, and leaves alone those without a start', () => {
    const { rules } = load('[{name: x, then: {freshness: {halfLifeDays: 10, factor: 3}}}]');
    expect(run(rules)).toMatchObject({ scores: [1, 1, 1, 2, 1.125], firings: ['x:dune', 'x:emma'] });
  });

  it('newestFirst deals the scores of the matching items out by their starts', () => {
    const { rules } = load('[{name: x, match: {ids: [alien, dune, emma]}, then: {freshness: newestFirst}}]');
    expect(run(rules, {}, [9, 8, 7, 5, 6])).toMatchObject({
      scores: [9, 8, 7, 6, 5],
      firings: ['x:dune', 'x:emma'],
    });
  });
});

describe('on a catalogue', () => {
  const pin = (name: string, match: string, position: number, when = '{}') =>
    `{name: ${name}, when: ${when}, match: ${match}, then: {pin: {position: ${position}}}}`;
  const ban = (match: string, when = '{}') =>
    `{name: ban, when: ${when}, match: ${match}, then: {exclude: true}}`;
  const need = (name: string, match: string, itemsMin: number, within: number) =>
    `{name: ${name}, match: ${match}, then: {require: {itemsMin: ${itemsMin}, within: ${within}}}}`;

  it.each([
    [
      [pin('a', '{ids: babe}', 1), pin('b', '{categories: Family}', 2)],
      'rules.yaml:2:9: rule "a": pins item "babe" to position 1, and "b" to 2',
    ],
    [
      [pin('a', '{ids: [babe, alien]}', 1), ban('{categories: Horror}')],
      'rules.yaml:2:9: rule "a": pins item "alien", which "ban" excludes',
    ],
    [
      [pin('a', '{categories: Family}', 1), ban('{attributes: {rating: G}}')],
      'rules.yaml:2:9: rule "a": "ban" excludes every item that it matches',
    ],
    [
      [need('a', '{categories: Family}', 1, 3), ban('{attributes: {rating: G}}')],
      'rules.yaml:2:9: rule "a": "ban" excludes every item that it matches',
    ],
    [
      [need('a', '{categories: Horror}', 2, 3), need('b', '{categories: Family}', 2, 3)],
      'rules.yaml:2:9: rule "a": needs 2 items and "b" 2 others, more than the first 3 hold',
    ],
  ])('finds what cannot be met: %j', (rules, message) => {
    expect(load(`[${rules.join(', ')}]`).report.faults).toEqual([message]);
  });

  it.each([
    [[pin('a', '{ids: babe}', 1, '{surface: home}'), pin('b', '{ids: cube}', 1, '{surface: search}')]],
    [[pin('a', '{ids: alien}', 1, '{surface: home}'), ban('{categories: Horror}', '{surface: kids}')]],
    [[pin('a', '{categories: Scifi}', 1), ban('{categories: Horror}')]],
    [[pin('a', '{ids: dune}', 1), ban('{categories: Scifi, ageDays: {atLeast: 100}}')]],
    [[need('a', '{categories: Horror}', 2, 3), need('b', '{categories: Scifi}', 2, 3)]],
  ])('accepts %j', (rules) => {
    const { faults, warnings } = load(`[${rules.join(', ')}]`).report;
    expect([...faults, ...warnings]).toEqual([]);
  });

  it('says which rule goes before which, on how many items', () => {
    const { report } = load(`[${pin('a', '{categories: Scifi}', 1)}, ${ban('{categories: Horror}')}]`);
    expect(report.outrankings).toEqual([{ rule: 'ban', over: 'a', why: 'excludes the items', items: 1 }]);
    expect(report.rules.map(({ name, items }) => [name, items])).toEqual([
      ['a', 2],
      ['ban', 2],
    ]);
  });

  it('warns of ids, categories and attributes that no item has, and of requires with too few items', () => {
    const { warnings } = load(
      '[{name: x, match: {ids: [babe, gone], categories: [Horor], attributes: {yaer: 1990}}, then: {exclude: true}},' +
        `${need('y', '{categories: Horror}', 3, 5)}]`,
    ).report;
    expect(warnings.map((warning) => warning.slice('rules.yaml:2:9: '.length))).toEqual([
      ...['id "gone"', 'category "Horor"', 'attribute "yaer"'].map((what) => `rule "x": no item has ${what}`),
      expect.stringContaining('needs 3 items, and 2 match'),
    ]);
  });
});

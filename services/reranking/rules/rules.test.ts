import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigSource } from '../../../common/config.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { RuleContext } from './rule-context.ts';
import { RuleSet } from './rule-set.ts';
import { rulesSchema } from './schema.ts';

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

function load(yaml: string): { rules: RuleSet; warnings: string[] } {
  const rules = new RuleSet(rulesSchema.parse(parse(yaml)));
  for (const [ordinal, film] of films.entries()) rules.setItem(ordinal, film);
  return { rules, warnings: rules.check(idOf) };
}

/** The films by id after the rules, each with a score of 1 or as given. */
function run(rules: RuleSet, context: Partial<RuleContext> = {}, scores = [1, 1, 1, 1, 1], limit = 3) {
  const candidates = { items: Uint32Array.of(0, 1, 2, 3, 4), scores: Float32Array.from(scores) };
  const outcome = rules.apply(candidates, { ...anywhere, ...context }, NOW_MS, limit);
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
      firings: ['scifi:alien', 'scifi:dune', 'old:alien', 'old:babe'],
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
      return [...rules.apply(candidates, anywhere, NOW_MS, 2).excluded];
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
        const yaml = `[${specs.map(([m, t], i) => `{name: r${i}, match: ${m}, then: ${t}}`).join(', ')}]`;
        const rules = new RuleSet(rulesSchema.parse(parse(yaml)));
        for (const [ordinal, film] of films.entries()) rules.setItem(ordinal, film);
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

describe('check', () => {
  const pin = (name: string, match: string, position: number, when = '{}') =>
    `{name: ${name}, when: ${when}, match: ${match}, then: {pin: {position: ${position}}}}`;
  const ban = (match: string, when = '{}') =>
    `{name: ban, when: ${when}, match: ${match}, then: {exclude: true}}`;

  it.each([
    [[pin('a', '{ids: babe}', 1), pin('b', '{ids: cube}', 1)], '"a" and "b" both pin position 1'],
    [
      [pin('a', '{ids: babe}', 1, '{locale: en}'), pin('b', '{ids: cube}', 1, '{locale: [fr, EN-gb]}')],
      '"a" and "b" both pin position 1',
    ],
    [
      [pin('a', '{ids: babe}', 1), pin('b', '{categories: Family}', 2)],
      '"a" and "b" pin item "babe" to positions 1 and 2',
    ],
    [
      [pin('a', '{ids: [babe, alien]}', 1), ban('{categories: Horror}')],
      '"a" pins item "alien", which "ban" excludes',
    ],
    [
      [pin('a', '{categories: Family}', 1), ban('{attributes: {rating: G}}')],
      '"a" pins only items, which "ban" excludes',
    ],
  ])('refuses %j', (rules, message) => {
    expect(() => load(`[${rules.join(', ')}]`)).toThrow(`reranking.rules: ${message}`);
  });

  it.each([
    [[pin('a', '{ids: babe}', 1, '{surface: home}'), pin('b', '{ids: cube}', 1, '{surface: search}')]],
    [[pin('a', '{ids: alien}', 1, '{surface: home}'), ban('{categories: Horror}', '{surface: kids}')]],
    [[pin('a', '{categories: Scifi}', 1), ban('{categories: Horror}')]],
    [[pin('a', '{ids: dune}', 1), ban('{categories: Scifi, ageDays: {atLeast: 100}}')]],
  ])('accepts %j', (rules) => {
    expect(load(`[${rules.join(', ')}]`).warnings).toEqual([]);
  });

  it('tells every conflict at once', () => {
    const rules = [pin('a', '{ids: alien}', 1), pin('b', '{ids: cube}', 1), ban('{categories: Horror}')];
    expect(() => load(`[${rules.join(', ')}]`)).toThrow(
      /"a" pins item "alien".*"a" and "b" both.*"b" pins item "cube"/,
    );
  });

  it('warns of ids, categories and attributes that no item has', () => {
    const { warnings } = load(
      '[{name: x, match: {ids: [babe, gone], categories: [Horor], attributes: {yaer: 1990}}, then: {exclude: true}}]',
    );
    expect(warnings).toEqual(
      ['id "gone"', 'category "Horor"', 'attribute "yaer"'].map((what) => `rule "x": no item has ${what}`),
    );
  });
});

describe('configuration', () => {
  const refused = (yaml: string) => {
    const source = new ConfigSource({ MILLRACE_HOME: '/nonexistent', MILLRACE__RULES: yaml });
    try {
      source.section('rules', rulesSchema);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  it.each([
    ['[{match: {ids: a}, then: {exclude: true}}]', 'rules.0.name'],
    ['[{name: x, match: {}, then: {exclude: true}}]', 'rules.0.match: needs a condition'],
    ['[{name: x, then: {exclude: true}}]', 'rules.0.match'],
    ['[{name: x, match: {ids: a}, then: {}}]', 'rules.0.then: needs exactly one of'],
    [
      '[{name: x, match: {ids: a}, then: {exclude: true, pin: {position: 1}}}]',
      'rules.0.then: needs exactly one of',
    ],
    ['[{name: x, match: {ids: a}, then: {pin: {position: 0}}}]', 'rules.0.then.pin.position'],
    ['[{name: x, match: {ids: a}, then: {boost: {factor: 0.5}}}]', 'rules.0.then.boost.factor'],
    ['[{name: x, match: {ids: a}, then: {bury: {factor: 0}}}]', 'rules.0.then.bury.factor'],
    ['[{name: x, match: {category: a}, then: {exclude: true}}]', 'rules.0.match'],
    ['[{name: x, when: {planet: a}, match: {ids: a}, then: {exclude: true}}]', 'rules.0.when'],
    [
      '[{name: x, match: {ageDays: {atLeast: 2, atMost: 1}}, then: {exclude: true}}]',
      'rules.0.match.ageDays: atLeast exceeds atMost',
    ],
    [
      '[{name: x, match: {attributes: {year: {from: 1}}}, then: {exclude: true}}]',
      'rules.0.match.attributes.year: Unrecognized key',
    ],
    [
      '[{name: x, match: {attributes: {year: {}}}, then: {exclude: true}}]',
      'rules.0.match.attributes.year: needs atLeast or',
    ],
    [
      '[{name: x, match: {attributes: {year: true}}, then: {exclude: true}}]',
      'rules.0.match.attributes.year: expected a text',
    ],
    [
      '[{name: x, match: {ids: a}, then: {exclude: true}}, {name: x, match: {ids: b}, then: {exclude: true}}]',
      'rules.1.name: "x" names an earlier rule too',
    ],
  ])('refuses %s', (yaml, message) => {
    expect(refused(yaml)).toContain(`configuration: ${message}`);
  });
});

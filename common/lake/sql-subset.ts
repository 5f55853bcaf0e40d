import { MillraceError } from '../errors.ts';

/** A token of SQL: its text as written, its kind, and the line it begins on, from 1. */
interface Token {
  readonly kind: 'word' | 'quoted' | 'text' | 'number' | 'mark';
  readonly text: string;
  readonly line: number;
}

/** What a word that opens a call may be: functions that mean the same in DuckDB and in Trino. */
const FUNCTIONS: ReadonlySet<string> = new Set(
  `abs avg bool_and bool_or cast ceil coalesce contains corr count covar_pop covar_samp cume_dist date_trunc dense_rank exp
  first_value floor json_extract lag last_value lead length ln log10 lower ltrim max max_by min min_by mod ntile nullif
  percent_rank power radians rank regexp_replace replace reverse round row_number rtrim sign sqrt stddev_pop stddev_samp strpos
  substr substring sum trim try_cast unnest upper var_pop var_samp`.split(/\s+/),
);
/** Words before a parenthesis that are no calls. */
const SYNTAX: ReadonlySet<string> = new Set(
  `all and any as between by distinct else end exists except filter from group having in inner intersect interval into is join left
  like limit not null on or order outer over partition recursive right rows select then union using values when where with cross
  full range preceding following case`.split(/\s+/),
);
/** Types of CAST that both know by one name. */
const TYPES: ReadonlySet<string> = new Set(
  'bigint boolean date decimal double integer real smallint timestamp tinyint varchar'.split(' '),
);
const REFUSED_WORDS: Readonly<Record<string, string>> = {
  ilike: 'ILIKE is DuckDB only: use lower(x) LIKE',
  qualify: 'QUALIFY is DuckDB only: filter in an outer SELECT',
  asof: 'ASOF joins are DuckDB only: use row_number() over a join by time',
  semi: 'SEMI JOIN is DuckDB only: use EXISTS',
  anti: 'ANTI JOIN is DuckDB only: use NOT EXISTS',
  pivot: 'PIVOT is DuckDB only',
  unpivot: 'UNPIVOT is DuckDB only',
  exclude: 'SELECT * EXCLUDE is DuckDB only: name the columns',
  lateral: 'LATERAL is not the same in both: use CROSS JOIN UNNEST',
  tablesample: 'TABLESAMPLE is not the same in both: compare a hash of an id, made in advance',
  offset: '"offset" is a keyword: the column is written in double quotes',
};
const REFUSED_MARKS: Readonly<Record<string, string>> = {
  '::': ':: is DuckDB only: use CAST(x AS type)',
  '[': 'brackets are not the same in both: use unnest for lists',
  '{': 'braces are DuckDB only',
  $: 'parameters are written ?',
  '//': 'integer division // is DuckDB only: use floor(a / b)',
  '==': '== is DuckDB only: use =',
  '**': '** is DuckDB only: use power(a, b)',
  '->': '-> is not the same in both: use json_extract',
  ':=': ':= is DuckDB only',
  '@': '@ is no part of the dialect',
  '`': 'names are quoted by double quotes',
  ';': 'a file is one statement, without a semicolon before its end',
};
const TOKEN =
  /(\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^']|'')*')|("(?:[^"]|"")*")|([A-Za-z_]\w*)|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(::|\/\/|==|\*\*|->|:=|<>|<=|>=|!=|\|\||[^\s\w])/y;

/**
 * Refuses SQL that DuckDB and Athena (Trino) would not both run to the same rows: see docs/lake.md. QUERY_INVALID names `file`,
 * line and rule. Answers the statement without a semicolon at its end.
 */
export function checkSql(sql: string, file: string): string {
  const statement = sql.trimEnd().replace(/;$/, '');
  const tokens = tokensOf(statement, file);
  const first = tokens[0];
  if (first === undefined) throw refusal(file, 1, 'there is no statement');
  if (!/^(select|with)$/i.test(first.text))
    throw refusal(file, first.line, `a query begins with SELECT or WITH, not ${first.text}`);
  for (const [i, token] of tokens.entries()) {
    const complaint = complaintOf(token, tokens, i);
    if (complaint !== undefined) throw refusal(file, token.line, complaint);
  }
  return statement;
}

/** What is wrong with the token at `i`, if anything. */
function complaintOf(token: Token, tokens: readonly Token[], i: number): string | undefined {
  const word = token.text.toLowerCase();
  if (word === '/' && !dividesDoubles(tokens, i))
    return '/ of whole numbers is not the same in both: write CAST(a AS double) / b, or a / 1e3';
  if (namesFile(tokens, i)) return 'a file as a table is DuckDB only: the tables are events and decided';
  if (token.kind === 'mark') return Object.hasOwn(REFUSED_MARKS, word) ? REFUSED_MARKS[word] : undefined;
  if (token.kind !== 'word') return undefined;
  if (Object.hasOwn(REFUSED_WORDS, word)) return REFUSED_WORDS[word];
  const next = tokens[i + 1]?.text;
  const before = tokens[i - 1]?.text.toLowerCase();
  if (word === 'all' && before === 'by')
    return 'GROUP BY ALL and ORDER BY ALL are DuckDB only: name the columns';
  if (word === 'select' && next?.toLowerCase() === 'from') return 'SELECT without columns is DuckDB only';
  if (word === 'as' && insideCast(tokens, i) && !TYPES.has((next ?? '').toLowerCase()))
    return `${next} is no type of both; those are ${[...TYPES].join(', ')}`;
  if (next !== '(' || SYNTAX.has(word) || FUNCTIONS.has(word) || TYPES.has(word)) return undefined;
  if (before === 'as' || before === 'with' || tokens[i + 1] === undefined || namesColumns(tokens, i))
    return undefined;
  return `${token.text}() is no function of both; docs/lake.md lists those that are`;
}

/** Whether the text or quoted name at `i` stands where a table does and is none. */
function namesFile(tokens: readonly Token[], i: number): boolean {
  const { kind, text } = tokens[i];
  if (kind !== 'text' && !(kind === 'quoted' && text.includes('.'))) return false;
  const [earlier, before] = [tokens[i - 2], tokens[i - 1]].map((token) => token?.text.toLowerCase());
  return before === 'join' || (before === 'from' && earlier !== 'distinct');
}

/** Whether one side of the division at `i` is a CAST or a number with an exponent. */
function dividesDoubles(tokens: readonly Token[], i: number): boolean {
  const right = tokens[i + 1]?.text ?? '';
  if (/^(try_)?cast$/i.test(right) || /^\d.*e/i.test(right)) return true;
  if (tokens[i - 1]?.text !== ')') return false;
  for (let depth = 0, at = i - 1; at > 0; at--) {
    if (tokens[at].text === ')') depth++;
    if (tokens[at].text === '(' && --depth === 0) return /^(try_)?cast$/i.test(tokens[at - 1].text);
  }
  return false;
}

/** Whether the AS at `i` belongs to a CAST: the call that encloses it is one. */
function insideCast(tokens: readonly Token[], i: number): boolean {
  for (let depth = 0, at = i - 1; at > 0; at--) {
    if (tokens[at].text === ')') depth++;
    if (tokens[at].text === '(' && depth-- === 0) return /^(try_)?cast$/i.test(tokens[at - 1].text);
  }
  return false;
}

/** Whether the word at `i` is a table's name with its columns: `WITH a (x, y) AS`, `UNNEST(c) t (x)`. */
function namesColumns(tokens: readonly Token[], i: number): boolean {
  const before = tokens[i - 1];
  if (before === undefined) return false;
  if (before.text === ')') return true;
  if (before.text !== ',') return false;
  let at = i + 1;
  for (let depth = 0; at < tokens.length; at++) {
    if (tokens[at].text === '(') depth++;
    if (tokens[at].text === ')' && --depth === 0) break;
  }
  return tokens[at + 1]?.text.toLowerCase() === 'as' && tokens[at + 2]?.text === '(';
}

function tokensOf(sql: string, file: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < sql.length) {
    const match = TOKEN.exec(sql);
    if (match === null) throw refusal(file, line, 'a text or a comment has no end');
    const [text, space, quote, name, word, number] = match;
    if (text === "'" || text === '"') throw refusal(file, line, 'a text or a name in quotes has no end');
    if (space === undefined) {
      const kind = quote ? 'text' : name ? 'quoted' : word ? 'word' : number ? 'number' : 'mark';
      tokens.push({ kind, text, line });
    }
    line += text.split('\n').length - 1;
  }
  return tokens;
}

function refusal(file: string, line: number, what: string): MillraceError {
  return new MillraceError('QUERY_INVALID', `${file}:${line}: ${what}`, {
    metadata: { file, line: String(line) },
  });
}

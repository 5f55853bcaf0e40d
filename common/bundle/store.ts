import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { type Manifest, manifestSchema, type Part } from './manifest.ts';

/** Which bundles serve. Every stage keeps all of them loaded. */
const liveSchema = z.object({
  champion: z.string(),
  previous: z.string().optional(),
  challenger: z.string().optional(),
});
export type Live = z.infer<typeof liveSchema>;

/** A bundle whose manifest and parts have been checked. */
export class Bundle {
  readonly manifest: Manifest;
  readonly #parts: string;

  constructor(manifest: Manifest, parts: string) {
    this.manifest = manifest;
    this.#parts = parts;
  }

  get version(): string {
    return this.manifest.version;
  }

  has(part: Part): boolean {
    return Object.hasOwn(this.manifest.parts, part);
  }

  /** The part's bytes; BUNDLE_DAMAGED if there are none or others than the manifest says. */
  async read(part: Part): Promise<Buffer> {
    const entry = this.manifest.parts[part];
    if (entry === undefined) throw damaged(this.version, `has no part ${part}`);
    let bytes: Buffer;
    try {
      bytes = await readFile(this.path(part));
    } catch (cause) {
      throw damaged(this.version, `part ${part}: ${(cause as Error).message}`);
    }
    if (sha256(bytes) !== entry.sha256)
      throw damaged(this.version, `part ${part} is not what the manifest says`);
    return bytes;
  }

  /** The part decoded, once per process for all who ask with the same `decode`, as long as one of them holds it. */
  async decoded<T extends object>(part: Part, decode: (bytes: Buffer) => T): Promise<T> {
    const key = `${decode.name} ${this.manifest.parts[part]?.sha256}`;
    const held = decodedParts.get(key)?.deref() as T | undefined;
    if (held !== undefined) return held;
    const bytes = await this.read(part);
    try {
      const value = decode(bytes);
      decodedParts.set(key, new WeakRef(value));
      return value;
    } catch (cause) {
      throw damaged(this.version, `part ${part}: ${(cause as Error).message}`);
    }
  }

  /** The file that holds the part, for libraries that read files themselves. */
  path(part: Part): string {
    return join(this.#parts, this.manifest.parts[part].sha256);
  }

  sizeBytes(): number {
    return Object.values(this.manifest.parts).reduce((sum, part) => sum + part.bytes, 0);
  }
}

const decodedParts = new Map<string, WeakRef<object>>();

/** The bundles under one folder: `parts/<sha256>`, `manifests/<version>.json`, `live.json`. */
export class BundleStore {
  readonly #parts: string;
  readonly #manifests: string;
  readonly livePath: string;

  constructor(folder: string) {
    this.#parts = join(folder, 'parts');
    this.#manifests = join(folder, 'manifests');
    this.livePath = join(folder, 'live.json');
  }

  /** Writes the parts, then makes the bundle visible by renaming its manifest into place. Parts already there are shared. */
  async publish(
    manifest: Omit<Manifest, 'parts' | 'format'>,
    parts: Partial<Record<Part, Uint8Array>>,
  ): Promise<Manifest> {
    await mkdir(this.#parts, { recursive: true });
    await mkdir(this.#manifests, { recursive: true });
    const entries: Manifest['parts'] = {};
    for (const [name, bytes] of Object.entries(parts)) {
      if (bytes === undefined) continue;
      const digest = sha256(bytes);
      entries[name] = { sha256: digest, bytes: bytes.length };
      await writeDurably(join(this.#parts, digest), bytes);
    }
    const whole = manifestSchema.parse({ ...manifest, format: 1, parts: entries });
    await writeDurably(this.#manifestPath(whole.version), Buffer.from(`${JSON.stringify(whole, null, 2)}\n`));
    return whole;
  }

  /** Opens and checks a bundle: BUNDLE_UNKNOWN if it is not there, BUNDLE_DAMAGED naming the part that is missing or altered. */
  async open(version: string): Promise<Bundle> {
    const manifest = await this.manifest(version);
    const bundle = new Bundle(manifest, this.#parts);
    for (const part of Object.keys(manifest.parts)) await bundle.read(part as Part);
    return bundle;
  }

  async manifest(version: string): Promise<Manifest> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(version)) throw unknownBundle(version);
    let text: string;
    try {
      text = await readFile(this.#manifestPath(version), 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw unknownBundle(version);
      throw damaged(version, (cause as Error).message);
    }
    const parsed = manifestSchema.safeParse(parseJson(text));
    if (!parsed.success)
      throw damaged(
        version,
        `manifest: ${parsed.error.issues[0].path.join('.')}: ${parsed.error.issues[0].message}`,
      );
    return parsed.data;
  }

  /** Versions published, oldest first. */
  async versions(): Promise<string[]> {
    const names = await readdir(this.#manifests).catch(() => []);
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -5))
      .sort();
  }

  /** Deletes a bundle that does not serve, with the parts that no other one has. */
  async remove(version: string): Promise<void> {
    const { parts } = await this.manifest(version);
    await rm(this.#manifestPath(version), { force: true });
    const others = await Promise.all((await this.versions()).map((other) => this.manifest(other)));
    const shared = new Set(others.flatMap((other) => Object.values(other.parts).map(({ sha256 }) => sha256)));
    for (const { sha256 } of Object.values(parts))
      if (!shared.has(sha256)) await rm(join(this.#parts, sha256), { force: true });
  }

  /** What serves; undefined before the first bundle. */
  async live(): Promise<Live | undefined> {
    const text = await readFile(this.livePath, 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const parsed = liveSchema.safeParse(parseJson(text));
    if (!parsed.success)
      throw new MillraceError('CONFIG_INVALID', `${this.livePath}: ${parsed.error.issues[0].message}`);
    return parsed.data;
  }

  /** Makes a published bundle the champion; the old champion becomes `previous`. */
  async promote(version: string): Promise<Live> {
    await this.manifest(version);
    const old = await this.live();
    const live: Live = { ...old, champion: version };
    if (live.challenger === version) delete live.challenger;
    if (old !== undefined && old.champion !== version) live.previous = old.champion;
    return this.setLive(live);
  }

  async setLive(live: Live): Promise<Live> {
    await mkdir(dirname(this.livePath), { recursive: true });
    await writeDurably(this.livePath, Buffer.from(`${JSON.stringify(live)}\n`), { replace: true });
    return live;
  }

  #manifestPath(version: string): string {
    return join(this.#manifests, `${version}.json`);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unknownBundle(version: string): MillraceError {
  return new MillraceError('BUNDLE_UNKNOWN', `bundle ${version} is not published`, {
    metadata: { bundle: version },
  });
}

function damaged(version: string, what: string): MillraceError {
  return new MillraceError('BUNDLE_DAMAGED', `bundle ${version}: ${what}`, { metadata: { bundle: version } });
}

/** Writes a file whole or not at all: temporary file, fsync, rename, fsync of the folder. */
async function writeDurably(
  path: string,
  bytes: Uint8Array,
  options: { replace?: boolean } = {},
): Promise<void> {
  if (!options.replace && (await stat(path).catch(() => undefined))?.size === bytes.length) return;
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path).catch(async (cause) => {
    await rm(temporary, { force: true });
    throw cause;
  });
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

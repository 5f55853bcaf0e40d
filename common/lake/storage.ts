/** An object of a storage. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/**
 * Where a lake's files are: keys with `/` under one root. Everything is durable when it answers. LAKE_UNAVAILABLE where the
 * storage cannot be reached.
 */
export interface LakeStorage {
  /** The root, for people. */
  readonly uri: string;
  /** Objects whose key begins with `prefix`, in order of their keys, those after the key `after` alone. */
  list(prefix: string, after?: string): Promise<StoredObject[]>;
  /** Undefined if there is no such object. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Writes the object whole, also over one that is there. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** As `put`; false, and nothing is changed, if the object is there already. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Moves files of this machine to objects, all or an error. */
  place(files: readonly { path: string; key: string }[]): Promise<void>;
  /** Objects that are not there count as removed. */
  remove(keys: readonly string[]): Promise<void>;
  /** Files of this machine with the objects' bytes, in order; the sizes are checked. LAKE_DAMAGED names one that is not as it was. */
  localPaths(objects: readonly StoredObject[]): Promise<string[]>;
  /** The same paths; where the bytes are not on this machine, empty files stand for them. */
  outlines(objects: readonly StoredObject[]): Promise<string[]>;
}

/** Fills a few slots of one slate by drawing, with known odds. */
export interface SlotExplorer {
  /** Slots left to exploration in a slate of `size`, ascending, at most 3. A pinned one is not drawn. */
  slots(size: number): readonly number[];
  /**
   * Draws one of the eligible rows, with its probability given the earlier slots. The array is valid during the call. Undefined: none of
   * them is explored; the slot is filled like any other.
   */
  draw(
    slot: number,
    eligible: Uint32Array,
  ): { readonly row: number; readonly probability: number } | undefined;
}

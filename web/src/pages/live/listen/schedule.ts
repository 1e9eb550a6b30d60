/**
 * When each frame of a live call is played. Frames come every 20 ms over a network that bunches them: a little is kept
 * ahead so that nothing tears, and never so much that the listener falls behind the call. Times in seconds of the
 * player's own clock; no clock is read here.
 */

/** Kept ahead when playing begins, and again after it ran dry. */
export const LEAD = 0.07
/** What more than this is ahead makes the listener late: it is dropped. */
export const MOST = 0.16
/** Every so many frames it is looked at whether more than `SPARE` was never used: one frame is dropped then. */
const WINDOW = 50
const SPARE = 0.03

export type Placed = { play: number } | { drop: true }

export class Schedule {
  /** Where the sample at position 0 would have been played. */
  private origin: number | undefined
  private end = 0
  /** The least that was ahead since it was last looked at, and of how many frames. */
  private least = Infinity
  private seen = 0
  /** Frames that were dropped to catch up, and how often it ran dry. */
  dropped = 0
  dry = 0

  constructor(private readonly rate: number) {}

  /** Where to play a frame of `count` samples at `position`, asked at `now`. */
  place(now: number, position: number, count: number): Placed {
    let at = this.origin === undefined ? undefined : this.origin + position / this.rate
    if (at === undefined || at < now || at > now + 1) {
      // It begins, ran dry, or the position jumped ahead because nothing was: the lead is built anew.
      if (at !== undefined && at < now) this.dry += 1
      at = this.align(Math.max(now + LEAD, at !== undefined && at > now + 1 ? this.end : 0))
      this.origin = at - position / this.rate
      this.seen = 0
      this.least = Infinity
    }
    // What is dropped is heard as a gap once; from there on the listener is nearer to the call.
    if (at - now > MOST || this.idle(at - now)) {
      this.dropped += 1
      this.origin! -= count / this.rate
      return { drop: true }
    }
    this.end = at + count / this.rate
    return { play: at }
  }

  /** More was ahead than the network needed for a while, as after it had held frames back once. */
  private idle(ahead: number): boolean {
    this.least = Math.min(this.least, ahead)
    this.seen += 1
    if (this.seen < WINDOW) return false
    const spare = this.least - LEAD > SPARE
    this.seen = 0
    this.least = Infinity
    return spare
  }

  /** Seconds from a frame's coming to its being heard. */
  ahead(now: number): number {
    return Math.max(0, this.end - now)
  }

  /** On a sample: frames then join without a seam. */
  private align(time: number): number {
    return Math.ceil(time * this.rate) / this.rate
  }
}

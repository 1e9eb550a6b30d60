/** Which side of a recording is heard: the contact is its left channel, the agent its right one. */

export type Channel = 'both' | 'contact' | 'agent'
export const CHANNELS: readonly Channel[] = ['both', 'contact', 'agent']

/** How loud each channel goes to each ear. */
export interface Mix {
  leftToLeft: number
  leftToRight: number
  rightToLeft: number
  rightToRight: number
}

/** One side alone is heard with both ears. */
export function mix(channel: Channel): Mix {
  const [contact, agent] = [channel !== 'agent' ? 1 : 0, channel !== 'contact' ? 1 : 0]
  const both = channel === 'both'
  return { leftToLeft: contact, leftToRight: both ? 0 : contact, rightToLeft: both ? 0 : agent, rightToRight: agent }
}

export interface Router {
  set(channel: Channel): void
  close(): void
}

/** Takes the sound of an element through a mix. An element can be taken once; from then on it is heard through here alone. */
export function route(element: HTMLMediaElement): Router {
  const context = new AudioContext()
  const source = context.createMediaElementSource(element)
  const splitter = context.createChannelSplitter(2)
  const merger = context.createChannelMerger(2)
  source.connect(splitter)
  const gain = (from: number, to: number) => {
    const node = context.createGain()
    splitter.connect(node, from)
    node.connect(merger, 0, to)
    return node
  }
  const nodes = { leftToLeft: gain(0, 0), leftToRight: gain(0, 1), rightToLeft: gain(1, 0), rightToRight: gain(1, 1) }
  merger.connect(context.destination)
  return {
    set(channel) {
      void context.resume()
      for (const [name, level] of Object.entries(mix(channel))) nodes[name as keyof Mix].gain.value = level
    },
    close: () => void context.close(),
  }
}

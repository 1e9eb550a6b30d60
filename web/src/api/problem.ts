/** What can go wrong between the console and the server, as one type. */
import type { components } from './schema.gen'

export type FieldFault = components['schemas']['FieldFault']

/** An answer that is not the one asked for. `status` 0 and code `network`: there was no answer at all. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly errors: FieldFault[]
  readonly requestId: string | undefined
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined

  constructor(from: Partial<Omit<Problem, keyof Error>> & { status: number; code: string }) {
    super(from.detail || from.title || from.code)
    this.name = 'Problem'
    this.status = from.status
    this.code = from.code
    this.title = from.title ?? ''
    this.detail = from.detail ?? ''
    this.errors = from.errors ?? []
    this.requestId = from.requestId
    this.retryAfter = from.retryAfter
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

/** Reads an answer outside 2xx; one without a problem document still has its status. */
export async function problemOf(response: Response): Promise<Problem> {
  const head = {
    status: response.status,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfter: seconds(response.headers.get('retry-after')),
  }
  const body: unknown = await response.clone().json().catch(() => undefined)
  if (!isDocument(body)) return new Problem({ ...head, code: `http_${response.status}`, title: response.statusText })
  return new Problem({ ...head, code: body.code, title: body.title, detail: body.detail, errors: body.errors ?? [] })
}

/** Whatever a promise was rejected with, as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof TypeError) return new Problem({ status: 0, code: 'network', detail: error.message })
  return new Problem({ status: 0, code: 'console', detail: error instanceof Error ? error.message : String(error) })
}

function isDocument(body: unknown): body is components['schemas']['Problem'] {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string'
}

function seconds(text: string | null): number | undefined {
  const value = Number(text)
  return text !== null && Number.isFinite(value) && value >= 0 ? value : undefined
}

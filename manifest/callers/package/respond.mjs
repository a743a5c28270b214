#!/usr/bin/env node
// Sends requests to kes-respond and says what became of each.
//
//     respond.mjs [PROGRAM] < requests.jsonl
//
// A request a line on standard input, a result a line on standard output (id,
// outcome, message, with tabs between), progress on standard error. Ctrl-C takes
// back what has not been sent yet; twice ends the program at once. Responder is
// there to be used from your own program. Needs Node 18 and nothing else.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

// Which exit code counts most, as the command line of kes-respond has it.
const order = [5, 1, 69, 77, 3, 65, 75, 7, 6, 4, 0]
const outcomes = { succeeded: 0, submitted: 0, planned: 0, partial: 7, pending: 4, cancelled: 6, unknown: 5 }
const codes = {
  bad_request: 65, duplicate_id: 65, host_not_found: 65, host_ambiguous: 65, policy: 3, suspended: 3, approval_required: 3,
  busy: 75, cap: 75, quota: 75, journal: 75, timeout: 75, unreachable: 69, tls: 69, ksc_unavailable: 69,
  login: 77, locked: 77, second_factor: 77, denied: 77
}

// exitCode is for one result; what is not known is a failure.
export function exitCode (result) {
  if (result.outcome === 'refused' || result.outcome === 'failed') return codes[result.error?.code] ?? 1
  return outcomes[result.outcome] ?? 1
}

// Responder is a running kes-respond. Every request that was sent gets exactly
// one result.
export class Responder {
  open = new Map() // id as JSON -> request, until its result
  #lines = new Map() // number of the line -> id as JSON
  #sent = 0
  closing = false
  gone = false // kes-respond has: its events have ended

  constructor (program = 'kes-respond') {
    // A process group of its own: Ctrl-C in the terminal is for us, and we cancel.
    this.process = spawn(program, ['serve'], { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
    this.failed = new Promise(resolve => this.process.once('error', resolve))
    this.process.stdin.on('error', () => {}) // it has gone: events() says so of each open request
  }

  // send hands one request over. It has an id, which no other has that still runs.
  send (request) {
    if (this.gone) throw new Error('kes-respond has gone; it was not sent')
    const key = JSON.stringify(request.id)
    if (this.open.has(key)) throw new Error(`id ${key} is in use`)
    this.open.set(key, request)
    this.#write(request, key)
  }

  // cancel takes back what was not sent to KSC yet. The results say what was.
  cancel () {
    for (const key of this.open.keys()) this.#write({ type: 'cancel', target: JSON.parse(key) })
  }

  // close: no more requests. What runs is finished, and may still be cancelled.
  close () {
    this.closing = true
    this.#end()
  }

  #end () { if (this.closing && this.open.size === 0) this.process.stdin.end() }

  #write (line, key) {
    this.#sent++
    if (key !== undefined) this.#lines.set(this.#sent, key)
    if (this.process.stdin.writable) this.process.stdin.write(JSON.stringify(line) + '\n')
  }

  // events gives every event, and at the end a result for whatever got none.
  async * events () {
    for await (const text of createInterface({ input: this.process.stdout, crlfDelay: Infinity })) {
      let event
      try { event = JSON.parse(text) } catch { break } // half a line: the stream is lost
      if (event.type === 'result') {
        this.open.delete(JSON.stringify(event.id))
        this.#end()
      }
      const key = event.type === 'error' ? this.#lines.get(event.line) : undefined
      if (key !== undefined && this.open.delete(key)) {
        this.#end()
        yield { type: 'result', id: JSON.parse(key), outcome: 'refused', message: event.message, error: event }
        continue
      }
      yield event // a type that is not known here is for whoever knows it
    }
    this.gone = true
    for (const key of this.open.keys()) {
      yield {
        type: 'result', id: JSON.parse(key), outcome: 'unknown', error: { code: 'carrier_lost' },
        message: 'kes-respond went away without an answer: it may have happened. Send the request again ' +
          'with the same idempotencyKey, or see "kes-respond recover"'
      }
    }
    this.open.clear()
  }
}

async function main () {
  const responder = new Responder(process.argv[2])
  const started = await Promise.race([responder.failed, new Promise(resolve => responder.process.once('spawn', resolve))])
  if (started) {
    console.error(`respond: ${started.message}; nothing was sent`)
    return 69
  }
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => responder.cancel()) // a second one ends us
  const seen = [0]
  const feed = async () => { // beside reading: neither waits for the other
    let number = 0
    for await (const text of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
      number++
      if (!text.trim()) continue
      try {
        const request = JSON.parse(text)
        request.id ??= `line-${number}`
        responder.send(request)
      } catch (e) {
        seen.push(responder.gone ? 69 : 65)
        console.error(`respond: line ${number}${responder.gone ? '' : ' is no request'}: ${e.message}`)
      }
    }
    responder.close()
  }
  feed()
  for await (const e of responder.events()) {
    if (e.type === 'result') {
      seen.push(exitCode(e))
      console.log([JSON.stringify(e.id), e.outcome, e.message ?? ''].join('\t'))
    } else if (e.type === 'accepted') {
      console.error([JSON.stringify(e.id), 'accepted'].join('\t'))
    } else if (e.type === 'progress') {
      console.error([JSON.stringify(e.id), e.stage, e.message ?? ''].join('\t'))
    } else if (e.type === 'error') {
      console.error(`respond: ${e.message}`)
    }
  }
  if (!responder.closing) {
    seen.push(69)
    console.error('respond: kes-respond ended before the requests did: what has no result here was not sent')
  }
  return order[Math.min(...seen.map(c => order.includes(c) ? order.indexOf(c) : 1))]
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const code = await main()
  // Not at once: what a pipe has not taken yet would be lost.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
}

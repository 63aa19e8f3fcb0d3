// A certificate for hosts that a test plays on this machine: nobody trusts it.

import { generate } from 'selfsigned'

/** Key and certificate for `hosts`, as Node's https takes them. */
export async function makeCertificate(hosts) {
  const altNames = hosts.map((value) => ({ type: 2, value }))
  const extensions = [{ name: 'subjectAltName', altNames }]
  const made = await generate([{ name: 'commonName', value: hosts[0] }], { extensions })
  return { key: made.private, cert: made.cert }
}

// The one table of panels, for every tab: what each is called, reads and draws.
import type { GeneratorFacts, ModelFacts } from 'glassformer'
import type { Component } from 'svelte'
import type { Words } from '../messages'
import { crossAttention, encoderAttention, LOGITS, maskedAttention, type Site } from '../sites'

type Facts = ModelFacts | GeneratorFacts

export interface Panel {
  id: string
  title(say: Words): string
  /** One of the desk's panels is shown at a time, and beside it those of the side. */
  place: 'desk' | 'side'
  /** What it reads of each step, as patterns; null where it has nothing to say of the model. */
  sites(model: Facts): Site[] | null
  /** Fetched when it is first drawn. */
  component(): Promise<{ default: Component }>
}

const masked = maskedAttention('*')

const PANELS: readonly Panel[] = [
  {
    id: 'cross',
    title: (say) => say.cross,
    place: 'desk',
    sites: ({ task }) => (task === 'translate' ? Object.values(crossAttention('*')) : null),
    component: () => import('../views/CrossAttention.svelte'),
  },
  {
    id: 'encoder',
    title: (say) => say.encoder,
    place: 'desk',
    sites: ({ task }) => (task === 'translate' ? Object.values(encoderAttention('*')) : null),
    component: () => import('../views/EncoderAttention.svelte'),
  },
  {
    id: 'decoder',
    title: (say) => say.decoder,
    place: 'desk',
    sites: () => [masked.scores, masked.weights],
    component: () => import('../views/SelfAttention.svelte'),
  },
  {
    id: 'ring',
    title: (say) => say.ring,
    place: 'desk',
    sites: () => [masked.scores, masked.weights, masked.slot],
    component: () => import('../views/RingView.svelte'),
  },
  {
    id: 'candidates',
    title: (say) => say.next,
    place: 'side',
    sites: ({ task }) => (task === 'translate' ? [] : null),
    component: () => import('../views/Candidates.svelte'),
  },
  {
    id: 'choices',
    title: (say) => say.next,
    place: 'side',
    sites: ({ task }) => (task === 'write' ? [LOGITS] : null),
    component: () => import('../views/Choices.svelte'),
  },
]

/** The panels that have something to say of a model, at one place. */
export const panelsOf = (model: Facts, place: Panel['place']): Panel[] =>
  PANELS.filter((panel) => panel.place === place && panel.sites(model) !== null)

/**
 * What a run on a model is asked to read: what its open panels name. On today's desk all of them
 * are open: each is one click away, and shows the steps that were made before.
 */
export const readsOf = (model: Facts): Site[] => [
  ...new Set(PANELS.flatMap((panel) => panel.sites(model) ?? [])),
]

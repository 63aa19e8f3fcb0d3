// The table of all tasks: a new one is a file beside this and a row here.

import type { TaskName } from '../protocol.js'
import type { Task } from './task.js'
import { translate } from './translate.js'
import { write } from './write.js'

export const tasks: { [N in TaskName]: Task<N> } = { translate, write }

import { z } from 'zod';

const schema = z.object({
  /** A program that starts etcd and kube-apiserver instead of `cluster/cluster.sh apiserver`. Called with `--dir DIR`. */
  KOPR_APISERVER_COMMAND: z.string().min(1).optional(),
});

export interface EnvtestConfig {
  /** Program and leading arguments. */
  command: [string, ...string[]];
}

/** @param root the checkout, where cluster/cluster.sh is */
export function envtestConfig(root: string): EnvtestConfig {
  const { KOPR_APISERVER_COMMAND: own } = schema.parse(process.env);
  return { command: own === undefined ? [`${root}/cluster/cluster.sh`, 'apiserver'] : [own] };
}

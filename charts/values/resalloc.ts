import { z } from 'zod';
import {
  flag,
  image,
  labels,
  nodePort,
  podValues,
  resources,
  secretRef,
  section,
  serviceType,
  whole,
} from './common.ts';

export const resalloc = section(
  {
    enabled: flag(
      'Lend machines of BuilderPools to clients of Resalloc, e.g. the backend of another Copr (docs/resalloc.md).',
      false,
    ),
    replicas: whole('Replicas. All are alike and keep nothing.', 2, 0, 20),
    image: image('kopr-resalloc'),
    resources: resources({ cpu: '20m', memory: '96Mi' }, { memory: '384Mi' }),
    auth: z
      .enum(['Basic', 'None'])
      .default('Basic')
      .describe(
        'Basic: clients have the password in their URL, http://resalloc:PASSWORD@HOST:49100. None: everybody whom `networkPolicy.resallocFrom` lets in may take machines.',
      ),
    password: secretRef('password', 'The password of clients, 16 characters or more.'),
    maxWaiters: whole('Clients of one replica that may wait in waitTicket at the same time.', 500, 1, 10_000),
    podDisruptionBudget: section(
      {
        enabled: flag('Make a PodDisruptionBudget when there is more than one replica.', true),
        minAvailable: whole('Replicas that must stay.', 1, 0, 20),
      },
      'PodDisruptionBudget.',
    ),
    service: section(
      {
        type: serviceType.describe('Type of the Service (port 49100).'),
        nodePort,
        externalTrafficPolicy: z
          .enum(['', 'Cluster', 'Local'])
          .default('')
          .describe(
            'Local keeps the addresses of clients, which `networkPolicy.resallocFrom` may name, and answers on the nodes of its pods only. Empty: Local for LoadBalancer, Cluster for NodePort.',
          ),
        annotations: labels('Its annotations.'),
      },
      'Service of the XML-RPC interface.',
    ),
    ...podValues,
  },
  'resalloc: the XML-RPC interface of Resalloc to the machines of kopr.',
);

import { z } from 'zod';
import { flag, kubernetesList, labels, section, text } from './common.ts';

/** Addresses that are never "the internet": private, link-local (cloud metadata), loopback, carrier NAT. */
const PRIVATE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
];
const PRIVATE6 = ['::1/128', 'fc00::/7', 'fe80::/10'];
const METADATA = ['169.254.0.0/16'];
const METADATA6 = ['fd00:ec2::/32', 'fe80::/10'];
const cidrs = (description: string, value: string[] = []): z.ZodType =>
  z.array(z.string()).default(value).describe(description);

export const networkPolicy = section(
  {
    enabled: flag('Make NetworkPolicies. They take effect only where the network of the cluster enforces them.', true),
    dns: section(
      {
        namespaceLabels: labels('Labels of the namespace of the DNS servers.').default({
          'kubernetes.io/metadata.name': 'kube-system',
        }),
        podLabels: labels('Labels of the DNS servers.').default({ 'k8s-app': 'kube-dns' }),
        cidrs: cidrs('Addresses of DNS servers that are not pods, e.g. a cache on each node.'),
      },
      'DNS servers that kopr and builds may ask.',
    ),
    apiServer: section(
      {
        cidrs: cidrs('Addresses of the API server; empty: any address on these ports.'),
        ports: z.array(z.int().min(1).max(65535)).min(1).default([443, 6443]).describe('Its ports.'),
      },
      'Where the operator reaches the API server.',
    ),
    builder: section(
      {
        internet: section(
          {
            enabled: flag('Let builds reach the internet: sources, Git hosts and mirrors.', true),
            except: cidrs('IPv4 networks that stay closed.', PRIVATE),
            except6: cidrs('IPv6 networks that stay closed.', PRIVATE6),
          },
          'The internet, without private networks.',
        ),
        cidrs: cidrs('More networks that builds may reach, e.g. that of a mirror or proxy.'),
        namespaces: z
          .array(z.string())
          .default([])
          .describe('Namespaces whose pods builds may reach, e.g. that of a mirror in the cluster.'),
        extraEgress: kubernetesList('More egress rules of builder pods, as in a NetworkPolicy.'),
      },
      'What builder pods may reach besides DNS, distgit and the publisher.',
    ),
    machines: section(
      {
        cidrs: cidrs(
          'Networks of machines that are reached by SSH. Empty, with no namespaces: none, so that pools with `ssh` do not work.',
        ),
        namespaces: z
          .array(z.string())
          .default([])
          .describe('Namespaces whose pods are machines, e.g. that of virtual machines of KubeVirt.'),
        ports: z.array(z.int().min(1).max(65535)).default([22]).describe('Ports of sshd on them; empty: all ports.'),
      },
      'Where the pods that drive builds over SSH, and the probes of machines, find them.',
    ),
    hooks: section(
      {
        anywhere: flag("Let hooks reach everything but the namespaces of kopr: a cloud's API may be anywhere.", true),
        except: cidrs(
          'IPv4 networks that stay closed: by default those of metadata services, which hand out the rights of a node.',
          METADATA,
        ),
        except6: cidrs('IPv6 networks that stay closed.', METADATA6),
        extraEgress: kubernetesList('More egress rules of hooks, as in a NetworkPolicy.'),
      },
      'What the hooks of BuilderPools may reach besides DNS and machines.',
    ),
    resultsFrom: kubernetesList('Peers that may fetch results and repositories; empty: all.'),
    distgitFrom: kubernetesList('Peers that may fetch from distgit; empty: all.'),
    apiFrom: kubernetesList('Peers that may reach the API; empty: all.'),
    resallocFrom: kubernetesList(
      'Peers that may reach the XML-RPC interface of Resalloc; empty: all, which `resalloc.auth: None` does not allow.',
    ),
    metricsFrom: kubernetesList('Peers that may read metrics, e.g. the namespace of Prometheus; empty: none.'),
  },
  'NetworkPolicies.',
);

export const tls = section(
  {
    existingServerSecret: text(
      'Secret with tls.crt, tls.key and ca.crt for keygen; its certificate must hold the names of the keygen Service.',
    ),
    existingClientSecret: text(
      'Secret with tls.crt, tls.key and ca.crt for the publisher; its common name must be in `keygen.allowedSubjects`.',
    ),
    certManager: section(
      {
        enabled: flag('Let cert-manager issue and renew both certificates.', false),
        issuerRef: section(
          {
            name: text('Name of the issuer; empty: an authority of its own is made.'),
            kind: text('Kind of the issuer.', 'Issuer'),
            group: text('Group of the issuer.', 'cert-manager.io'),
          },
          'Issuer of the certificates. It must be one for internal names.',
        ),
      },
      'cert-manager.',
    ),
  },
  'Certificates between the publisher and keygen. Default: made once by Helm, valid for ten years.',
);

const frontendHost = text(
  'Host of the API and of .repo files (/api_3, /coprs and all other paths); it may be `resultsHost`, of which results then keep /results and /tmp; empty: not exposed.',
);

export const ingress = section(
  {
    enabled: flag('Make an Ingress.', false),
    className: text('Its class.'),
    annotations: labels('Its annotations, e.g. for cert-manager.'),
    resultsHost: text('Host of results and repositories; empty: not exposed.'),
    distgitHost: text('Host of distgit; empty: not exposed.'),
    frontendHost,
    tls: kubernetesList('TLS section, as in an Ingress.'),
  },
  'Ingress.',
);

export const httpRoute = section(
  {
    enabled: flag('Make HTTPRoutes (Gateway API).', false),
    parentRefs: kubernetesList('Gateways they belong to.'),
    annotations: labels('Their annotations.'),
    resultsHost: text('Host of results and repositories; empty: not exposed.'),
    distgitHost: text('Host of distgit; empty: not exposed.'),
    frontendHost,
  },
  'Gateway API.',
);

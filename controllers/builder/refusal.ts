import type { ApiError } from '../../operator/client.ts';

/**
 * Admission policies and validation say no for good. A 403 may pass: an exhausted ResourceQuota has room again, a Role
 * that is being replaced comes back; only Pod Security says no for good with it.
 */
export function isRefusal(error: ApiError): boolean {
  if (error.status === 422 || error.status === 400) return true;
  return error.status === 403 && error.message.includes('violates PodSecurity');
}

/** One package of a build, source package or binary. Epoch is 0 when it has none. */
export interface NevraOfPackage {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}

// Package provisionername holds the one name that the storage class and the provisioner share, without the provisioner's
// dependencies: the supervisor is built from the standard library alone, so that it is there within seconds.
package provisionername

// Name is what storage classes call the provisioner.
const Name = "cluster.kopr.dev/directory"

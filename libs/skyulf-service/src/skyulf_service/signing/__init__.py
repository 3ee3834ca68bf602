"""Ed25519: key files, signed manifests, and the tokens that services show each other."""

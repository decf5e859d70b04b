module sealgram.test/interop/pion

go 1.24.0

// DTLS 1.3 is on pion's main branch only; its tagged versions (v3.1.15 is the newest) are DTLS 1.2.
require github.com/pion/dtls/v3 v3.1.3-0.20260822162537-66a287946ee8

require (
	github.com/pion/logging v0.2.4 // indirect
	github.com/pion/transport/v4 v4.1.0 // indirect
	golang.org/x/crypto v0.48.0 // indirect
	golang.org/x/sys v0.41.0 // indirect
)


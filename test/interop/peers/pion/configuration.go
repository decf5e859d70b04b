package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/pion/dtls/v3"
	dtlselliptic "github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/dtls/v3/pkg/protocol"
)

var suites = map[string]dtls.CipherSuiteID{
	"TLS_AES_128_GCM_SHA256":       dtls.TLS_AES_128_GCM_SHA256,
	"TLS_AES_256_GCM_SHA384":       dtls.TLS_AES_256_GCM_SHA384,
	"TLS_CHACHA20_POLY1305_SHA256": dtls.TLS_CHACHA20_POLY1305_SHA256,
}

var groups = map[string]dtlselliptic.Curve{
	"x25519": dtlselliptic.X25519, "p256": dtlselliptic.P256, "x25519mlkem768": dtlselliptic.X25519MLKEM768,
}

// fragmentOverhead is what pion adds to the "MTU" that it cuts handshake messages to: headers and tag.
const fragmentOverhead = 40

// shared are the settings of both roles.
func shared(asked *options) ([]dtls.Option, error) {
	switch {
	case asked.psk != nil:
		return nil, unsupported("pion has PSKs in DTLS 1.2 only")
	case asked.password != "":
		return nil, unsupported("pion has no PAKE")
	case asked.rawPublicKey:
		return nil, unsupported("pion has no raw public keys")
	case asked.alpn != "":
		// Its client offers a protocol, its server selects none, and neither tells.
		return nil, unsupported("pion does not negotiate ALPN in DTLS 1.3")
	}
	settings := []dtls.Option{
		dtls.WithMinVersion(protocol.Version1_3),
		dtls.WithMaxVersion(protocol.Version1_3),
		dtls.WithFlightInterval(400 * time.Millisecond),
	}
	if asked.suite != "" {
		suite, known := suites[asked.suite]
		if !known {
			return nil, unsupported("pion has no " + asked.suite)
		}
		settings = append(settings, dtls.WithCipherSuites(suite))
	}
	if asked.groups != nil {
		var curves []dtlselliptic.Curve
		for _, name := range asked.groups {
			curve, known := groups[name]
			if !known {
				return nil, unsupported("pion has no group " + name)
			}
			curves = append(curves, curve)
		}
		settings = append(settings, dtls.WithEllipticCurves(curves...))
	}
	if asked.cidBytes >= 0 {
		settings = append(settings, dtls.WithConnectionIDGenerator(dtls.RandomCIDGenerator(asked.cidBytes)))
	}
	if asked.mtuBytes > 0 {
		settings = append(settings, dtls.WithMTU(asked.mtuBytes-fragmentOverhead))
	}
	if asked.certificate != "" && asked.key != "" {
		certificate, err := tls.LoadX509KeyPair(asked.certificate, asked.key)
		if err != nil {
			return nil, err
		}
		if curve, ok := certificate.PrivateKey.(*ecdsa.PrivateKey); ok && curve.Curve != elliptic.P256() {
			return nil, unsupported("pion signs for P-256 whatever the curve of its key")
		}
		if _, ok := certificate.PrivateKey.(*rsa.PrivateKey); ok {
			return nil, unsupported("pion does not sign with RSA in DTLS 1.3")
		}
		settings = append(settings, dtls.WithCertificates(certificate))
	}
	return settings, nil
}

func clientOptions(asked *options) ([]dtls.ClientOption, error) {
	if asked.helloRetry {
		return nil, unsupported("pion's client always sends key shares")
	}
	if len(asked.groups) > 1 {
		return nil, unsupported("pion's client sends a key share for every group")
	}
	settings, err := shared(asked)
	if err != nil {
		return nil, err
	}
	settings = append(settings, dtls.WithServerName(asked.name))
	if asked.authorities == "" {
		settings = append(settings, dtls.WithInsecureSkipVerify(true))
	} else {
		roots, err := authorities(asked)
		if err != nil {
			return nil, err
		}
		settings = append(settings, dtls.WithRootCAs(roots))
	}
	var client []dtls.ClientOption
	for _, setting := range settings {
		client = append(client, setting)
	}
	return client, nil
}

func serverOptions(asked *options) ([]dtls.ServerOption, error) {
	settings, err := shared(asked)
	if err != nil {
		return nil, err
	}
	// "Hello verify" is DTLS 1.2's word for the cookie exchange.
	server := []dtls.ServerOption{dtls.WithInsecureSkipVerifyHello(!asked.helloRetry)}
	for _, setting := range settings {
		server = append(server, setting)
	}
	if asked.verify {
		roots, err := authorities(asked)
		if err != nil {
			return nil, err
		}
		server = append(server, dtls.WithClientAuth(dtls.RequireAndVerifyClientCert), dtls.WithClientCAs(roots))
	}
	return server, nil
}

func authorities(asked *options) (*x509.CertPool, error) {
	pem, err := os.ReadFile(asked.authorities)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", asked.authorities)
	}
	return pool, nil
}

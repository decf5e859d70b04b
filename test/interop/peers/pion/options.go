package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// options are those of test/interop/README.md.
type options struct {
	server, verify, rawPublicKey, helloRetry, keyUpdate, imported bool
	address, identity, password, name, suite, alpn                string
	certificate, key, authorities, peerKey                        string
	psk                                                           []byte
	groups                                                        []string
	cidBytes, mtuBytes, messages                                  int
	interval, timeout                                             time.Duration
}

// unsupported is the reason for exit status 89.
type unsupported string

func (reason unsupported) Error() string { return string(reason) }

func parseOptions(arguments []string) (*options, error) {
	if len(arguments) == 0 || (arguments[0] != "client" && arguments[0] != "server") {
		return nil, fmt.Errorf("usage: peer client|server --address 127.0.0.1:PORT [options]")
	}
	parsed := &options{
		server:   arguments[0] == "server",
		address:  "127.0.0.1:0",
		identity: "interop",
		name:     "localhost",
		cidBytes: -1,
		messages: 4,
		timeout:  10 * time.Second,
	}
	flags := map[string]*bool{
		"--psk-imported": &parsed.imported, "--verify": &parsed.verify, "--rpk": &parsed.rawPublicKey,
		"--hrr": &parsed.helloRetry, "--key-update": &parsed.keyUpdate,
	}
	texts := map[string]*string{
		"--address": &parsed.address, "--identity": &parsed.identity, "--password": &parsed.password,
		"--cert": &parsed.certificate, "--key": &parsed.key, "--ca": &parsed.authorities, "--name": &parsed.name,
		"--peer-key": &parsed.peerKey, "--suite": &parsed.suite, "--alpn": &parsed.alpn,
	}
	numbers := map[string]*int{"--cid": &parsed.cidBytes, "--mtu": &parsed.mtuBytes, "--messages": &parsed.messages}
	for at := 1; at < len(arguments); at++ {
		option := arguments[at]
		if flag, known := flags[option]; known {
			*flag = true
			continue
		}
		at++
		if at == len(arguments) {
			return nil, fmt.Errorf("%s needs a value", option)
		}
		value := arguments[at]
		var err error
		if text, known := texts[option]; known {
			*text = value
		} else if number, known := numbers[option]; known {
			*number, err = strconv.Atoi(value)
		} else {
			switch option {
			case "--psk":
				parsed.psk, err = hex.DecodeString(value)
			case "--group":
				parsed.groups = strings.Split(value, ",")
			case "--interval":
				parsed.interval, err = time.ParseDuration(value + "ms")
			case "--timeout":
				parsed.timeout, err = time.ParseDuration(value + "ms")
			default:
				return nil, unsupported("unknown option " + option)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return parsed, nil
}

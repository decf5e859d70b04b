// The pion peer of the interop tests: certificates, cookies, connection IDs and return routability, no PSK.
// The command line and the events are those of test/interop/README.md.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
)

// An echo that has not come back by then is asked for again: records of application data may be lost.
const resend = 500 * time.Millisecond

// A close_notify may be lost too: a server that has echoed and then heard nothing for so long takes it as sent.
const silence = 2500 * time.Millisecond

func main() {
	asked, err := parseOptions(os.Args[1:])
	if err == nil {
		err = run(asked)
	}
	var reason unsupported
	switch {
	case errors.As(err, &reason):
		emit("unsupported", map[string]any{"reason": string(reason)})
		os.Exit(89)
	case err != nil:
		emit("error", map[string]any{"message": err.Error()})
		os.Exit(1)
	}
}

func run(asked *options) error {
	ctx, cancel := context.WithTimeout(context.Background(), asked.timeout)
	defer cancel()
	var connection *dtls.Conn
	var err error
	if asked.server {
		connection, err = accept(ctx, asked)
	} else {
		connection, err = dial(asked)
	}
	if err != nil {
		return err
	}
	if err := connection.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("in the handshake: %w", err)
	}
	state, known := connection.ConnectionState()
	if !known {
		return errors.New("connected without a state")
	}
	fields := map[string]any{
		"suite": dtls.CipherSuiteName(state.CipherSuiteID), "group": nil, "authentication": "certificate",
		"alpn": nil, "cid": nil,
	}
	if state.NegotiatedProtocol != "" {
		fields["alpn"] = state.NegotiatedProtocol
	}
	emit("connected", fields)
	deadline, _ := ctx.Deadline()
	if asked.server {
		return echo(ctx, connection, asked, deadline)
	}
	return converse(ctx, connection, asked, deadline)
}

func accept(ctx context.Context, asked *options) (*dtls.Conn, error) {
	settings, err := serverOptions(asked)
	if err != nil {
		return nil, err
	}
	address, err := net.ResolveUDPAddr("udp", asked.address)
	if err != nil {
		return nil, err
	}
	listener, err := dtls.ListenWithOptions("udp", address, settings...)
	if err != nil {
		return nil, err
	}
	emit("listening", map[string]any{"port": listener.Addr().(*net.UDPAddr).Port})
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	connection, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	return connection.(*dtls.Conn), nil
}

func dial(asked *options) (*dtls.Conn, error) {
	settings, err := clientOptions(asked)
	if err != nil {
		return nil, err
	}
	address, err := net.ResolveUDPAddr("udp", asked.address)
	if err != nil {
		return nil, err
	}
	return dtls.DialWithOptions("udp", address, settings...)
}

// echo sends everything back until the client closes.
func echo(ctx context.Context, connection *dtls.Conn, asked *options, deadline time.Time) error {
	buffer := make([]byte, 1<<14)
	echoed := 0
	_ = connection.SetReadDeadline(deadline)
	for {
		length, err := connection.Read(buffer)
		var network net.Error
		silent := echoed > 0 && errors.As(err, &network) && network.Timeout()
		if silent || errors.Is(err, io.EOF) {
			emit("echoed", map[string]any{"count": echoed})
			_ = connection.Close()
			emit("closed", nil)
			return nil
		}
		if err != nil {
			return err
		}
		_ = connection.SetReadDeadline(time.Now().Add(silence))
		if _, err := connection.Write(buffer[:length]); err != nil {
			return err
		}
		if bytes.Equal(buffer[:length], message(echoed)) {
			echoed++
			if err := updateHalfWay(ctx, connection, asked, echoed); err != nil {
				return err
			}
		}
	}
}

// converse sends the messages one by one, waiting for each to come back, and closes.
func converse(ctx context.Context, connection *dtls.Conn, asked *options, deadline time.Time) error {
	buffer := make([]byte, 1<<14)
	for echoed := 0; echoed < asked.messages; {
		if time.Now().After(deadline) {
			return fmt.Errorf("timed out, %d of %d messages echoed", echoed, asked.messages)
		}
		if _, err := connection.Write(message(echoed)); err != nil {
			return err
		}
		_ = connection.SetReadDeadline(time.Now().Add(resend))
		for {
			length, err := connection.Read(buffer)
			var network net.Error
			if errors.As(err, &network) && network.Timeout() {
				break
			}
			if err != nil {
				return fmt.Errorf("after %d echoes: %w", echoed, err)
			}
			if bytes.Equal(buffer[:length], message(echoed)) {
				echoed++
				if err := updateHalfWay(ctx, connection, asked, echoed); err != nil {
					return err
				}
				time.Sleep(asked.interval)
				break
			}
		}
	}
	emit("echoed", map[string]any{"count": asked.messages})
	if err := connection.Close(); err != nil {
		return err
	}
	emit("closed", nil)
	return nil
}

func updateHalfWay(ctx context.Context, connection *dtls.Conn, asked *options, echoed int) error {
	if !asked.keyUpdate || echoed != asked.messages/2 {
		return nil
	}
	emit("key-update", nil)
	return connection.UpdateKeys(ctx, dtls.KeyUpdateOptions{RequestPeerUpdate: true})
}

// message number, from 0: text of increasing length.
func message(number int) []byte {
	return fmt.Appendf(nil, "message %d %s", number, strings.Repeat("·", number%100))
}

func emit(event string, fields map[string]any) {
	line := map[string]any{"event": event}
	for name, value := range fields {
		line[name] = value
	}
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

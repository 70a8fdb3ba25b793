// Command probe is what the tests of the cluster run inside pods: a web server, and clients that tell what they can reach.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// limit is how long one attempt may take.
const limit = 4 * time.Second

func main() {
	if len(os.Args) < 3 {
		fail("usage: probe serve ADDRESS | get URL | dial NETWORK ADDRESS | resolve NAME | write FILE | show FILE")
	}
	argument := os.Args[2]
	switch os.Args[1] {
	case "serve":
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			name, _ := os.Hostname()
			_, _ = fmt.Fprintf(w, "%s greets %s\n", name, r.RemoteAddr)
		})
		fmt.Println("serving")
		check(http.ListenAndServe(argument, nil))
	case "get":
		get(argument)
	case "dial":
		connection, err := net.DialTimeout(argument, os.Args[3], limit)
		check(err)
		_, err = connection.Write([]byte("x"))
		check(err)
		if argument == "udp" {
			check(connection.SetReadDeadline(time.Now().Add(limit)))
			_, err = connection.Read(make([]byte, 1))
			check(err)
		}
	case "resolve":
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		addresses, err := net.DefaultResolver.LookupHost(ctx, argument)
		check(err)
		fmt.Println(strings.Join(addresses, " "))
	case "write":
		check(os.WriteFile(argument, []byte("written\n"), 0o644))
	case "show":
		data, err := os.ReadFile(argument)
		check(err)
		fmt.Print(string(data))
	default:
		fail("there is no " + os.Args[1])
	}
}

func get(url string) {
	// Whom it talks to is not what is tested, only whether it can.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // as said
	response, err := (&http.Client{Transport: transport, Timeout: limit}).Get(url)
	check(err)
	_, err = io.Copy(os.Stdout, io.LimitReader(response.Body, 1<<20))
	check(err)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

package component

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Call sends one request to kube-apiserver as the administrator. The body, if any, is applied by the server ("server-side
// apply"); the answer, if wanted, is decoded into answer.
func (c ControlPlane) Call(ctx context.Context, method, path string, body, answer any) error {
	client, err := c.probe("").client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL()+path, payload)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		var status struct{ Message string }
		_ = json.Unmarshal(data, &status)
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, status.Message)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}

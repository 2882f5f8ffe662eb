// Draws the description of the API. Requests tried out here go by the session, so changes carry the CSRF token.
"use strict";

const page = document.getElementById("swagger-ui");

window.SwaggerUIBundle({
  domNode: page,
  url: page.dataset.schema,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor(request) {
    request.headers[page.dataset.csrfHeader] = page.dataset.csrfToken;
    return request;
  },
});

// Draws /openapi.yaml. Nothing is loaded from any other host.
'use strict';
Redoc.init('/openapi.yaml', {
  disableSearch: false,
  expandResponses: '200,201',
  hideDownloadButton: false,
  nativeScrollbars: true,
  theme: { typography: { fontFamily: 'system-ui, sans-serif', headings: { fontFamily: 'system-ui, sans-serif' }, code: { fontFamily: 'ui-monospace, monospace' } } },
}, document.getElementById('contract'));

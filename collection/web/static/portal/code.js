// The QR code of a sheet carries the code behind "#", which no server and no log ever sees; it is put into the field.
const field = document.getElementById("id_code");
if (field && window.location.hash.length > 1) {
  field.value = decodeURIComponent(window.location.hash.slice(1));
  window.history.replaceState(null, "", window.location.pathname);
}

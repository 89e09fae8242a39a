console.log("EDITION");
